"""The address of a PostgreSQL database, as libpq reads it, and how it is shown: never with what is secret in it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import psycopg
from psycopg.conninfo import conninfo_to_dict

from exact_assets.errors import SettingsError

EXAMPLE = "postgresql://user:password@host:5432/database"
SCHEMES = frozenset({"postgresql", "postgres"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a database is."""

    parameters: Mapping[str, str | int | None] = field(repr=False)
    """As libpq names them; among them there may be a password."""

    def __str__(self) -> str:
        """Return what can be shown."""
        host = self.parameters.get("host") or self.parameters.get("hostaddr") or "the local socket"
        named = self.parameters.get("dbname") or self.parameters.get("service") or "the user's own name"
        user = self.parameters.get("user")
        return f"PostgreSQL database {named} at {host}{f' as {user}' if user else ''}"


def address_of(url: str, *, variable: str) -> Address:
    """Read a URL, as libpq has it or as SQLAlchemy has it with a driver; `variable` is named where it is none.

    Raises:
        SettingsError: it is none. libpq's own words are not shown: they may repeat a part of the password.
    """
    scheme, _, rest = url.partition("://")
    if scheme.partition("+")[0] not in SCHEMES or not rest:
        raise SettingsError(_expected(variable, "it does not begin with postgresql://"))
    # An @ or a / in a password that is not written as it should be makes a part of it the host or the database.
    authority, _, path = rest.partition("?")[0].partition("/")
    if "@" in path or authority.count("@") > 1:
        raise SettingsError(_expected(variable, "it has an @ too many"))
    if not urlsplit(url).path.strip("/") and "dbname=" not in rest and "service=" not in rest:
        raise SettingsError(_expected(variable, "it names no database"))
    try:
        parameters = conninfo_to_dict(f"postgresql://{rest}")
    except psycopg.Error:
        raise SettingsError(_expected(variable, "it cannot be read")) from None
    if not all(port.isdigit() for port in str(parameters.get("port") or "0").split(",") if port):
        raise SettingsError(_expected(variable, "its port is no number"))
    return Address(parameters=parameters)


def _expected(variable: str, why: str) -> str:
    return (
        f"{variable}: expected {EXAMPLE}, and {why}. Characters such as @ : / ? # % in a user or a "
        "password are written %40 %3A %2F %3F %23 %25."
    )
