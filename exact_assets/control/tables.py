"""The tables that processes share, on each database alike. What is kept in them stands in the modules beside this.

A table that is added comes into stores that are there when they are opened next. What would have to be changed in
them needs a new `SCHEMA_VERSION` (in `marks`), so that an older version does not write what it does not understand.
"""

import re
from typing import Any

import sqlalchemy as sa

METADATA = sa.MetaData()
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


class AnyText(sa.TypeDecorator[str]):
    """A text of any content: what no database takes (a NUL, half of a surrogate pair) is shown as U+FFFD."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Any) -> str | None:  # noqa: ARG002 - on all alike
        """Return what can be stored; of an enumeration its value."""
        if value is None:
            return None
        return _UNSTORABLE.sub("\N{REPLACEMENT CHARACTER}", str(value))


CONNECTIONS = sa.Table(
    "connections",
    METADATA,
    sa.Column("site", AnyText, primary_key=True),
    sa.Column("client", AnyText, primary_key=True),
    sa.Column("access_token", sa.LargeBinary, nullable=False, comment="encrypted"),
    sa.Column("refresh_token", sa.LargeBinary, nullable=False, comment="encrypted"),
    sa.Column("received_at", sa.Float, nullable=False, comment="epoch seconds, our clock"),
    sa.Column("lifetime_seconds", sa.Float, nullable=False),
    sa.Column("issued_at", sa.Float, comment="epoch seconds, the server's clock"),
    sa.Column("generation", sa.Integer, nullable=False, comment="rises with each new pair"),
    sa.Column("attempted_at", sa.Float, comment="a refresh began and its outcome is not stored"),
    sa.Column("dead_kind", AnyText, comment="the error that ended the refresh chain"),
    sa.Column("dead_message", AnyText),
    sa.Column("zone", AnyText, comment="of the site's wall clocks"),
)

REFRESH_PAUSES = sa.Table(
    "refresh_pauses",
    METADATA,
    sa.Column("site", AnyText, primary_key=True),
    sa.Column("client", AnyText, primary_key=True),
    sa.Column("credentials", AnyText, nullable=False, comment="a mark of those that were refused"),
    sa.Column("refused", sa.Integer, nullable=False, comment="in a row"),
    sa.Column("until", sa.Float, nullable=False, comment="epoch seconds, our clock"),
    sa.Column("error_kind", AnyText, nullable=False),
    sa.Column("error", AnyText, nullable=False),
    sa.Column("status", sa.Integer),
)

PENDING = sa.Table(
    "pending_connections",
    METADATA,
    sa.Column("site", AnyText, primary_key=True),
    sa.Column("client", AnyText, primary_key=True),
    sa.Column("state", AnyText, nullable=False),
    sa.Column("begun_at", sa.Float, nullable=False),
)

QUOTAS = sa.Table(
    "quotas",
    METADATA,
    sa.Column("site", AnyText, primary_key=True),
    sa.Column("client", AnyText, primary_key=True),
    sa.Column("division", sa.Integer, primary_key=True),
    *(
        sa.Column(f"{window}_{name}", kind)
        for window in ("minute", "day")
        for name, kind in (
            ("limit", sa.Integer),
            ("remaining", sa.Integer),
            ("resets_at", sa.Float),
            ("used", sa.Integer),
        )
    ),
)

STORMS = sa.Table(
    "storms",
    METADATA,
    sa.Column("site", AnyText, primary_key=True),
    sa.Column("client", AnyText, primary_key=True),
    sa.Column("division", sa.Integer, primary_key=True),
    sa.Column("refused", sa.Integer, nullable=False, comment="429s in a row that were not about the day"),
    sa.Column("until", sa.Float, comment="epoch seconds, the server's clock: nothing is sent before"),
    sa.Column("is_named", sa.Integer, nullable=False, comment="1: the last one said that it was about the minute"),
)

REFUSALS = sa.Table(
    "refusals",
    METADATA,
    sa.Column("site", AnyText, nullable=False),
    sa.Column("client", AnyText, nullable=False),
    sa.Column("division", sa.Integer, nullable=False, comment="0: an address without a division"),
    sa.Column("endpoint", AnyText, nullable=False),
    sa.Column("at", sa.Float, nullable=False, comment="epoch seconds, the server's clock"),
    sa.Index("refusals_by_endpoint", "site", "client", "division", "endpoint", "at"),
)

CLOCKS = sa.Table(
    "clocks",
    METADATA,
    sa.Column("site", AnyText, primary_key=True),
    sa.Column("ahead_seconds", sa.Float, nullable=False, comment="the server's clock against ours, at least"),
)

ATTEMPTS = sa.Table(
    # The name that installations have, of the first versions; another would lose what is in it.
    "visits",
    METADATA,
    sa.Column("site", AnyText, primary_key=True),
    sa.Column("client", AnyText, primary_key=True),
    sa.Column("division", sa.Integer, primary_key=True),
    sa.Column("table_name", AnyText, primary_key=True),
    sa.Column("attempted_at", sa.Float, comment="epoch seconds, our clock, like the others"),
    sa.Column("succeeded_at", sa.Float),
    sa.Column("waiting_until", sa.Float, comment="the day's calls are used"),
    sa.Column("expected_since", sa.Float, comment="the division is enabled and the table chosen; null: not now"),
    sa.Column("error_kind", AnyText, comment="of the last attempt; null: it did not fail"),
    sa.Column("error", AnyText),
)

CHECK_RESULTS = sa.Table(
    "check_results",
    METADATA,
    sa.Column("site", AnyText, primary_key=True),
    sa.Column("client", AnyText, primary_key=True),
    sa.Column("table_name", AnyText, primary_key=True),
    sa.Column("check_name", AnyText, primary_key=True),
    sa.Column("division", sa.Integer, primary_key=True),
    sa.Column("status", AnyText, nullable=False),
    sa.Column("words", AnyText, nullable=False),
    sa.Column("rows", sa.Integer, comment="that were looked at; null: not counted"),
    sa.Column("examples", AnyText, nullable=False, comment="JSON"),
    sa.Column("checked_at", sa.Float, nullable=False, comment="epoch seconds, our clock"),
)

UNRECORDED_LOADS = sa.Table(
    "unrecorded_loads",
    METADATA,
    sa.Column("site", AnyText, primary_key=True),
    sa.Column("client", AnyText, primary_key=True),
    sa.Column("table_name", AnyText, primary_key=True),
    sa.Column("division", sa.Integer, primary_key=True),
)

PURGES = sa.Table(
    "purges",
    METADATA,
    sa.Column("site", AnyText, primary_key=True),
    sa.Column("client", AnyText, primary_key=True),
    sa.Column("division", sa.Integer, primary_key=True),
    sa.Column("purged_at", sa.Float, nullable=False, comment="epoch seconds, our clock"),
)

LEFT_OUT_PROPERTIES = sa.Table(
    "left_out_properties",
    METADATA,
    sa.Column("site", AnyText, primary_key=True),
    sa.Column("client", AnyText, primary_key=True),
    sa.Column("table_name", AnyText, primary_key=True),
    sa.Column("property", AnyText, primary_key=True),
    sa.Column("found_at", sa.Float, nullable=False, comment="epoch seconds, our clock"),
    sa.Column("version", AnyText, nullable=False, comment="of exact-assets, then"),
)

LISTED_DIVISIONS = sa.Table(
    "listed_divisions",
    METADATA,
    sa.Column("site", AnyText, primary_key=True),
    sa.Column("client", AnyText, primary_key=True),
    sa.Column("division", sa.Integer, primary_key=True),
)

DOCUMENT_WRITES = sa.Table(
    "document_writes",
    METADATA,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("site", AnyText, nullable=False),
    sa.Column("client", AnyText, nullable=False),
    sa.Column("division", sa.Integer, nullable=False),
    sa.Column("key", AnyText, comment="the caller's own name for this write; null: it has none"),
    sa.Column("actor", AnyText, nullable=False, comment="who asked for it: a run, or a user of the machine"),
    sa.Column("action", AnyText, nullable=False),
    sa.Column("subject", AnyText, comment="of the document, or the name of the file; never its content"),
    sa.Column("digest", AnyText, nullable=False, comment="SHA-256 of what is sent"),
    sa.Column("status", AnyText, nullable=False),
    sa.Column("document_id", AnyText),
    sa.Column("attachment_id", AnyText),
    sa.Column("noted_at", sa.Float, nullable=False, comment="epoch seconds, our clock"),
    sa.Column("sent_at", sa.Float, nullable=False, comment="the first time; epoch seconds, the server's clock"),
    sa.Column("is_sure_of_time", sa.Boolean, nullable=False, comment="whether an answer had told that clock"),
    sa.Column("ended_at", sa.Float, comment="epoch seconds, our clock"),
    sa.Column("error", AnyText),
    sa.Index("document_writes_by_digest", "site", "client", "division", "action", "digest"),
    sa.Index("document_writes_by_key", "site", "client", "key"),
)

REFUSED_FILTERS = sa.Table(
    "refused_filters",
    METADATA,
    sa.Column("site", AnyText, primary_key=True),
    sa.Column("client", AnyText, primary_key=True),
    sa.Column("endpoint", AnyText, primary_key=True),
    sa.Column("property", AnyText, primary_key=True),
    sa.Column("at", sa.Float, nullable=False, comment="epoch seconds, our clock"),
)

CHOICES = sa.Table(
    "kept_choices",
    METADATA,
    sa.Column("site", AnyText, primary_key=True),
    sa.Column("client", AnyText, primary_key=True),
    sa.Column("division", sa.Integer, primary_key=True),
    sa.Column("is_enabled", sa.Boolean, nullable=False),
    sa.Column("start_year", sa.Integer, comment="null: the setting's"),
)

HOSTS = sa.Table(
    "hosts",
    METADATA,
    sa.Column("boot_id", AnyText, primary_key=True, comment="of the kernel that runs: the same in its containers"),
    sa.Column("seen_at", sa.Float, nullable=False, comment="epoch seconds, its clock"),
)

SERVER_METADATA = sa.MetaData()
"""Of a database on a server, which has neither a file's header nor lock files."""

FORMAT = sa.Table(
    "format",
    SERVER_METADATA,
    sa.Column("version", sa.Integer, nullable=False, comment="of the store; a higher one is a newer exact-assets'"),
    sa.Column("layout", sa.Text, nullable=False, comment="a mark of the tables and their columns"),
)

NOTED_LOCKS = sa.Table(
    "noted_locks", SERVER_METADATA, sa.Column("name", AnyText, primary_key=True, comment="of a lock that was held")
)
