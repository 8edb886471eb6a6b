"""The records that the simulator holds: how they come about and how they change. Nothing of HTTP or OData.

For those who serve them:

    books = Books.create(divisions=[100001], first_year=2022, last_year=2026, rows=1000, seed=1, now_ms=clock)
    books = Books.open(path, now_ms=clock)      # an existing file, in milliseconds
    connection = books.connect()                # for reading, any thread; one connection per thread
    books.relation(endpoint)                    # == endpoint.relation: a view, to be quoted, with
                                                #   every property of the endpoint as a column of its name
                                                #   `_division`  0 for paths without {division}
                                                #   `_n`         row number, unique within the relation
    books.version                               # goes up with every change: drop what was rendered before

A value's SQLite type follows its Edm type: Guid lower-case text; String text as Exact sends it, padding and all;
DateTime integer ms of the server's local wall clock written as if UTC; Int*, Byte, Boolean integer; Double real;
Binary and complex types null.

Reads `WHERE _division=? AND X>? ORDER BY X LIMIT ?` walk an index for X = Timestamp, Modified and the identity
(`ID`, `EntryID`, ...). Ask for the columns needed: the views leave out joins whose columns nobody asks for. Lines
are found by their header's identity (`EntryID=?`, `EntryID IN (?, ...)`). `SELECT count(*)` makes all joins;
quick is `SELECT count(*) FROM (SELECT _n FROM view WHERE ... LIMIT -1)`.

Changes (`entity` is an Endpoint, a path below the division such as `crm/Accounts` or `sync/CRM/Accounts`, or a bare
entity name): `insert`, `update`, `delete` return the identities of the records as that endpoint shows them.
Documents change as a whole. `move_division`, `hr_link`, `surface_late` + `release_late`, `prune_deleted`.
"""

from exact_simulator.books.books import Books

__all__ = ["Books"]
