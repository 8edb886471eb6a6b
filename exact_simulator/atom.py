"""Atom XML, which Exact speaks to whoever does not ask for JSON. Made from the JSON rows; nobody waits for it."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from exact_simulator.facts import Endpoint
from exact_simulator.odata.link import moment
from exact_simulator.render import model

ATOM_TYPE = "application/atom+xml;charset=utf-8"
_HEAD = (
    '<?xml version="1.0" encoding="utf-8" standalone="yes"?>\r\n<{element} '
    'xmlns:d="http://schemas.microsoft.com/ado/2007/08/dataservices" '
    'xmlns:m="http://schemas.microsoft.com/ado/2007/08/dataservices/metadata" xmlns="http://www.w3.org/2005/Atom">'
)
_DATA = "http://schemas.microsoft.com/ado/2007/08/dataservices"
_DATE = re.compile(r"/Date\((-?\d+)\)/")


def feed(endpoint: Endpoint, rows: Sequence[Mapping[str, Any]], *, url: str, next_link: str | None) -> str:
    """Write a collection."""
    head = f'<title type="text">{endpoint.entity}</title><id>{escape(url)}</id>'
    entries = "".join(_entry(endpoint, row, head="<entry>") for row in rows)
    link = "" if next_link is None else f'<link rel="next" href={quoteattr(next_link)} />'
    return f"{_HEAD.format(element='feed')}{head}{entries}{link}</feed>"


def entry(endpoint: Endpoint, row: Mapping[str, Any]) -> str:
    """Write one row as a document of its own."""
    return _entry(endpoint, row, head=_HEAD.format(element="entry"))


def _entry(endpoint: Endpoint, row: Mapping[str, Any], *, head: str) -> str:
    address = escape(row["__metadata"]["uri"])
    category = f'<category term="{model(endpoint)}" scheme="{_DATA}/scheme" />'
    content = "".join(_properties(endpoint, row))
    body = f'<content type="application/xml"><m:properties>{content}</m:properties></content>'
    return f"{head}<id>{address}</id>{category}{body}</entry>"


def _properties(endpoint: Endpoint, row: Mapping[str, Any]) -> Iterator[str]:
    for name, value in row.items():
        found = endpoint.by_name.get(name)
        if found is None:
            continue
        kind = "" if found.edm_type == "Edm.String" else f' m:type="{found.edm_type}"'
        if value is None:
            yield f'<d:{name}{kind} m:null="true" />'
        else:
            yield f"<d:{name}{kind}>{_text(value)}</d:{name}>"


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    match = _DATE.fullmatch(value) if isinstance(value, str) else None
    return escape(str(value) if match is None else moment(int(match[1])))
