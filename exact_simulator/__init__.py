"""The server that plays Exact Online, for the demo and the tests. Imports nothing of exact_assets.

    facts/      what Exact's reference says of each endpoint
    books/      what the divisions hold, in SQLite, and how it changes
    odata/      the language of queries and links
    plan, walk, pages, render    from a query to a page of JSON
    serve, special, documents, atom, metadata    the other things that an address can mean
    api         a call's way through token, quota, rights and faults
    oauth, limits, clock, settings, faults, calls    what stands on that way
    answers, texts, damage       how refusals look, and answers that arrive broken
    app, admin, world, __main__  the server around it
    process, control             for those who start it and steer it

Start it with `python -m exact_simulator`, or in a test with `exact_simulator.process.start`. Where nobody knows how
Exact behaves, `settings` plays either way; `--strict` takes the harder one of each.
"""
