"""One configuration of the product: names, types and defaults, given by a caller or read from the environment.

Nothing is read at import. No other module reads the environment or `.env`, so that two configurations can stand
side by side in one process. What a table selection or a warehouse URL means further on is for the part that uses
it; here stands only what can be refused without knowing tables, SQL or HTTP.
"""

import difflib
import logging
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args
from urllib.parse import SplitResult, urlsplit

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    create_model,
    field_validator,
)
from pydantic_settings import BaseSettings, DotEnvSettingsSource, SettingsConfigDict

from exact_assets.errors import SettingsError

_logger = logging.getLogger(__name__)

Country = Literal["nl", "be", "de", "fr", "es", "com", "uk"]
"""The sites of Exact Online. An app registration and its tokens belong to one of them."""

Deletions = Literal["hard", "soft"]

OTHER_COUNTRY_NAMES = {"co.uk": "uk", "gb": "uk", "us": "com"}

EARLIEST_START_YEAR = 1990
ENV_FILE = ".env"
PREFIX = "EXACT_"
PREFIX_OF_TESTS = "EXACT_TEST_"


def _refuse(expected: str) -> ValueError:
    return ValueError(expected)


def _read_country(value: object) -> object:
    text = str(value).strip().lower()
    text = OTHER_COUNTRY_NAMES.get(text, text)
    known = get_args(Country)
    if text in known:
        return text
    near = difflib.get_close_matches(text, known, n=1, cutoff=0.4)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise _refuse(f"expected one of {', '.join(known)}, not {value!r}{hint}")


def _has_port(parts: SplitResult) -> bool:
    """Return whether the port is one that there can be, or none is given."""
    try:
        return parts.port != 0
    except ValueError:
        return False


def _state_folder(home: Path | None) -> Path:
    return (home or Path.cwd()).expanduser().resolve() / ".state"


def _control_beside(values: Mapping[str, Any]) -> str:
    """Return where the control database is by default: in the database of a warehouse that can keep it, too."""
    warehouse_url = values.get("warehouse_url") or ""
    if warehouse_url.partition(":")[0].partition("+")[0] in {"postgresql", "postgres"}:
        return str(warehouse_url)
    return f"sqlite:///{_state_folder(values.get('dagster_home')) / 'control.sqlite'}"


NO_APP = "EXACT_CLIENT_ID: expected the client id of your app registration."


class ExactConfig(BaseModel):
    """What users choose. Its `repr` shows no secrets, and no addresses that may hold a password.

    Raises:
        ValidationError: of pydantic's, for values that make no sense.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, use_attribute_docstrings=True)

    dagster_home: Path | None = None
    """Dagster's own folder. The folder `.state` is in it; else in the working directory."""
    country: Annotated[Country, BeforeValidator(_read_country)] = "nl"
    """The site: `nl`, `be`, `de`, `fr`, `es`, `com` or `uk`."""
    base_url: str | None = None
    """Scheme, host and port instead of the country's own, such as a proxy's or a simulator's."""
    client_id: str | None = None
    """Of your app registration."""
    client_secret: SecretStr | None = None
    """Of your app registration."""
    redirect_uri: str = "http://localhost:8735/callback"
    """As registered with the app, to the letter."""
    start_year: int = Field(
        default_factory=lambda: datetime.now(UTC).year - 4, json_schema_extra={"shown": "four years ago"}
    )
    """The first business year to load."""
    tables: str | None = None
    """Names, groups and globs, comma separated, such as `default,hrm,inventory_*,-crm_contacts`.
    None: `default`."""
    frequencies: str | None = None
    """How often tables are due, `crm/*=1d,transaction_lines=15m`, or the path of a TOML file of such pairs.
    None: every six hours."""
    models: str | None = None
    """The business models that are made of the tables: `default` (all), `none`, or names and globs, such as
    `default,-fct_hours`. None: `default`. One whose tables are not kept is not made."""
    deletions: Deletions = "hard"
    """What becomes of rows that Exact no longer has: removed (`hard`), or marked with `deleted_at` (`soft`)."""
    warehouse_url: str | None = Field(default=None, repr=False)
    """Where the copy is kept, `duckdb:///path`; none: a file in `.state`."""
    warehouse_wait_seconds: float = Field(default=1_800, ge=1, le=86_400)
    """How long a run waits for a warehouse that others hold, without a break and over all its tables."""
    control_url: str = Field(
        default_factory=_control_beside,
        repr=False,
        json_schema_extra={"shown": "beside a warehouse on PostgreSQL, else a file in `.state`"},
    )
    """Where tokens, quota and leases are kept, `sqlite:///path` or `postgresql://host/database`."""
    answer_seconds: float = Field(default=120, ge=5, le=3600)
    """Seconds that one answer of Exact's may take, from the request to its last byte."""
    answer_mb: int = Field(default=64, ge=1, le=2048)
    """Megabytes that one answer may have, decompressed."""
    write_documents: bool = False
    """Whether documents and attachments may be written in Exact; reading needs no leave."""
    document_files: str | None = None
    """Folders and addresses below which files of `exact.document_outbox` may be, comma separated, such as
    `/srv/invoices,s3://bucket/invoices`. None: no row has a file."""
    secret_key: SecretStr | None = None
    """Encrypts tokens at rest; none: a key file beside the control database, made on first use. With a control
    database on PostgreSQL it is needed."""

    @classmethod
    def from_env(cls, *, folder: Path | None = None, **values: Any) -> Self:
        """Read the environment and `.env`: each field from `EXACT_` and its name in capitals; empty is unset.

        Args:
            folder: where `.env` is; None: the working directory.
            values: go before those of the environment.

        Raises:
            SettingsError: one line for each value that makes no sense, by its variable, with what was expected.
        """
        env_file = (folder or Path()) / ENV_FILE
        found = _environment_model(env_file)().model_dump(exclude_none=True)
        for problem in misspelt_variables(env_file):
            _warn_once(problem)
        try:
            return cls.model_validate({**found, **values})
        except ValidationError as error:
            raise SettingsError("\n".join(_problems(error))) from None

    @field_validator("base_url")
    @classmethod
    def _is_an_origin(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value.strip())
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or "@" in parts.netloc:
            raise _refuse("expected scheme and host, such as https://start.exactonline.nl")
        if parts.path not in {"", "/"}:
            raise _refuse("expected scheme and host only: the path /api/v1 is added here")
        if not _has_port(parts):
            raise _refuse("expected a port from 1 to 65535")
        return f"{parts.scheme}://{parts.netloc}".lower()

    @field_validator("redirect_uri")
    @classmethod
    def _is_a_web_address(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or not parts.hostname or not _has_port(parts):
            raise _refuse("expected the app's registered redirect URI, such as http://localhost:8735/callback")
        return value

    @field_validator("start_year")
    @classmethod
    def _is_a_year(cls, value: int) -> int:
        this_year = datetime.now(UTC).year
        if not EARLIEST_START_YEAR <= value <= this_year:
            raise _refuse(f"expected a year from {EARLIEST_START_YEAR} to {this_year}")
        return value

    @field_validator("warehouse_url", "control_url")
    @classmethod
    def _is_a_database_url(cls, value: str | None) -> str | None:
        if value is not None and (not urlsplit(value).scheme or ":" not in value):
            raise _refuse("expected a database URL, such as sqlite:///path or postgresql://host/name")
        return value

    @field_validator("secret_key")
    @classmethod
    def _is_long_enough(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(value.get_secret_value().strip()) < 8:
            raise _refuse("expected at least 8 characters")
        return value

    @property
    def site_url(self) -> str:
        """Scheme, host and port that are asked; tokens, quota and divisions belong to it."""
        if self.base_url is not None:
            return self.base_url
        return f"https://start.exactonline.{'co.uk' if self.country == 'uk' else self.country}"

    @property
    def state_folder(self) -> Path:
        """Where files are kept that have no other place."""
        return _state_folder(self.dagster_home)


def problem_with(field: str, value: object) -> str | None:
    """Return what is wrong with the value of one field, with what was expected; None: nothing that can be seen."""
    try:
        ExactConfig.model_validate({field: value})
    except ValidationError as error:
        prefix = f"{variable_of(field)}: "
        return "; ".join(line.removeprefix(prefix) for line in _problems(error))
    return None


def variable_of(field: str) -> str:
    """Return the environment variable that sets a field of the configuration."""
    return field.upper() if field == "dagster_home" else f"EXACT_{field.upper()}"


def misspelt_variables(env_file: Path) -> Sequence[str]:
    """Return a sentence for each variable of the environment and of `.env` that looks like ours and is not read."""
    known = [variable_of(name) for name in ExactConfig.model_fields]
    in_file = DotEnvSettingsSource(_environment_model(env_file), env_file=env_file).env_vars
    sentences = []
    # Upper and lower case are the same, as they are when values are read.
    for name in sorted({one.upper() for one in (*os.environ, *in_file)} - set(known)):
        if name.startswith(PREFIX) and not name.startswith(PREFIX_OF_TESTS):
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.8)
            hint = f"Did you mean {near[0]}?" if near else "See docs/settings.md."
            sentences.append(f"{name} is no setting of exact-assets, and has no effect. {hint}")
    return sentences


@cache
def _warn_once(problem: str) -> None:
    _logger.warning("%s", problem)


def dagster_home() -> Path | None:
    """Return Dagster's own folder as the environment has it; None: it is not set."""
    home = os.environ.get("DAGSTER_HOME")
    return Path(home) if home else None


def dagster_pg_url() -> str | None:
    """Return the address of Dagster's own PostgreSQL storage; None: it is kept in SQLite."""
    return os.environ.get("DAGSTER_PG_URL") or None


def child_environment(**values: str) -> dict[str, str]:
    """Return the environment for a process that is started from here: this one's, and the values."""
    return {**os.environ, **values}


def _environment_model(env_file: Path) -> type[BaseSettings]:
    """Make the reader of the environment: every field as text, for `ExactConfig` to judge."""
    fields: dict[str, Any] = {
        name: (str | None, Field(default=None, validation_alias=variable_of(name), repr=False))
        for name in ExactConfig.model_fields
    }
    settings = SettingsConfigDict(
        env_file=env_file, env_ignore_empty=True, extra="ignore", hide_input_in_errors=True
    )
    base = type("_Environment", (BaseSettings,), {"model_config": settings, "__module__": __name__})
    return create_model("_Environment", __base__=base, **fields)


def _problems(error: ValidationError) -> list[str]:
    """Name each setting as users know it. The values themselves stay out: some are secret."""
    lines = []
    for problem in error.errors(include_input=False, include_url=False):
        if problem["type"] == "default_factory_not_called":
            continue  # follows from another problem
        name = variable_of(str(problem["loc"][0]))
        lines.append(f"{name}: {problem['msg'].removeprefix('Value error, ')}")
    return lines
