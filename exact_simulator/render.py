"""Builds the JSON text of rows inside SQLite, and the envelopes around them.

A page of 1,000 rows of 74 properties as Python objects costs more than the text itself; so each row comes out of
the database as text, by `format`. Forms as recorded: Int64 as a string, `/Date(ms)/` of the local wall clock, whole
numbers without a fraction, Binary and complex types null, navigation properties deferred.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache

from exact_simulator.facts import Endpoint, Navigation, Property, endpoint_by_path

_ARGUMENTS_AT_ONCE = 90
"""SQLite takes 127 arguments to a function at most."""
_PLAIN_MODELS = {"crm", "documents", "logistics", "financial", "salesinvoice", "salesorder", "cashflow"}
_MODEL_FOLDERS = {"financialtransaction": "Financial.", "current": "System.", "hrm": "HRM."}


def row_sql(
    endpoint: Endpoint, properties: Sequence[Property], *, uri: str, deferred: Sequence[Navigation], escaped: bool
) -> str:
    r"""Write the SQL expression that gives a row's JSON text, without its closing brace.

    `uri` is the address of the collection; `escaped` writes dates as `\/Date(…)\/`.
    """
    chosen = tuple(item.name for item in properties)
    return _row_sql(endpoint.path, chosen, uri, tuple(item.name for item in deferred), escaped)


@lru_cache(maxsize=2048)
def _row_sql(path: str, chosen: tuple[str, ...], uri: str, links: tuple[str, ...], escaped: bool) -> str:
    endpoint = endpoint_by_path()[path]
    properties = [endpoint.by_name[name] for name in chosen]
    address = [_constant(uri), *_key_parts(endpoint)]
    parts = ['{"__metadata":{"uri":"', *address, f'","type":"{model(endpoint)}"}}']
    for item in properties:
        column = shown_sql(endpoint, item.name, base=uri.partition("/api/v1/")[0])
        parts += [f',"{item.name}":', _Argument(_value(item, column, escaped=escaped))]
    for link in links:
        parts += [f',"{link}":{{"__deferred":{{"uri":"', *address, f'/{link}"}}}}']
    # As bytes, so that nobody decodes what is encoded again a moment later.
    return f"CAST({' || '.join(_formats(parts))} AS BLOB)"


class _Argument(str):
    """An SQL expression among pieces of constant text."""

    __slots__ = ()


def _constant(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _formats(parts: Sequence[str]) -> Iterator[str]:
    """Gather parts into calls of `format`, each with as many arguments as are allowed."""
    template, arguments = "", list[str]()
    for part in parts:
        if isinstance(part, _Argument):
            template += "%s"
            arguments.append(part)
        else:
            template += part.replace("%", "%%")
        if len(arguments) == _ARGUMENTS_AT_ONCE:
            yield _format(template, arguments)
            template, arguments = "", []
    if template:
        yield _format(template, arguments)


def _format(template: str, arguments: Sequence[str]) -> str:
    quoted = template.replace("'", "''")
    return f"format('{quoted}', {', '.join(arguments)})" if arguments else f"'{quoted.replace('%%', '%')}'"


_WHOLE = "ifnull({0}, 'null')"
_QUOTED = """ifnull('"' || {0} || '"', 'null')"""
_JSON = {
    "Edm.Guid": _QUOTED,
    "Edm.Int64": _QUOTED,
    "Edm.String": "json_quote({0})",
    "Edm.Double": "CASE WHEN {0} = CAST({0} AS INTEGER) THEN CAST({0} AS INTEGER) ELSE ifnull({0}, 'null') END",
    "Edm.DateTime": """ifnull('"{1}Date(' || {0} || '){1}"', 'null')""",
    "Edm.Boolean": "CASE {0} WHEN 1 THEN 'true' WHEN 0 THEN 'false' ELSE 'null' END",
    "Edm.Int32": _WHOLE,
    "Edm.Int16": _WHOLE,
    "Edm.Byte": _WHOLE,
}
"""SQL for the JSON text of a value: {0} is the column, {1} a slash. Other types are always null."""


def _value(item: Property, column: str, *, escaped: bool) -> str:
    return _JSON.get(item.edm_type, "'null'").format(column, "\\/" if escaped else "/")


def shown_sql(endpoint: Endpoint, name: str, *, base: str) -> str:
    """Write the SQL expression of a property as it is shown: the books do not know where files are served."""
    host = base.replace("'", "''")
    if endpoint.entity == "DocumentAttachments" and name == "Url":
        return f"""('{host}' || "Url" || '&Stamp=NL001')"""
    if endpoint.entity == "Documents" and name == "DocumentViewUrl":
        link = f"{host}/docs/DocViewContent.aspx?ID="
        return f"""('{link}' || "ID" || '&_Division_=' || _division || '&Stamp=NL001')"""
    return f'"{name}"'


def _key_parts(endpoint: Endpoint) -> list[str]:
    """Write the key behind a collection's address; nothing where rows have no identity."""
    if not endpoint.key:
        return []
    if len(endpoint.key) == 1:
        return ["(", *_literal_parts(endpoint.key[0]), ")"]
    parts = ["("]
    for item in endpoint.key:
        parts += [f"{item.name}=", *_literal_parts(item), ","]
    return [*parts[:-1], ")"]


def _literal_parts(item: Property) -> list[str]:
    column = f'"{item.name}"'
    match item.edm_type:
        case "Edm.Guid":
            return ["guid'", _Argument(column), "'"]
        case "Edm.Int64":
            return [_Argument(column), "L"]
        case "Edm.String":
            return ["'", _Argument(f"""replace(trim(json_quote({column}), '"'), '''', '''''')"""), "'"]
        case "Edm.DateTime":
            iso = f"strftime('%Y-%m-%dT%H:%M:%S', {column} / 1000, 'unixepoch')"
            return ["datetime'", _Argument(iso), "'"]
        case _:
            return [_Argument(column)]


def model(endpoint: Endpoint) -> str:
    """Name the type as `__metadata` does: `Exact.Web.Api.Models.Account`."""
    folder = _MODEL_FOLDERS.get(
        endpoint.service, "" if endpoint.service in _PLAIN_MODELS else f"{endpoint.service.title()}."
    )
    return f"Exact.Web.Api.Models.{folder}{singular(endpoint.entity)}"


def singular(entity: str) -> str:
    """Name one of an entity set: `Accounts` holds an `Account`."""
    if entity.endswith("ies"):
        return f"{entity[:-3]}y"
    if entity.endswith(("sses", "xes", "ches")):
        return entity[:-2]
    return entity[:-1] if entity.endswith("s") and not entity.endswith("ss") else entity


def envelope(rows: Sequence[bytes], *, bare: bool, count: int | None = None, next_link: str | None = None) -> bytes:
    """Put rows (JSON texts) in the `d` they travel in: a bare list, or `results` with `__count` and `__next`."""
    listed = b",".join(rows)
    if bare and count is None and next_link is None:
        return b'{"d":[%b]}' % listed
    counted = "" if count is None else f'"__count":"{count}",'
    linked = "" if next_link is None else f',"__next":"{_constant(next_link)}"'
    return b'{"d":{%b"results":[%b]%b}}' % (counted.encode(), listed, linked.encode())
