"""Names, types and defaults of what users set, read from the environment and from `.env`.

Nothing is read at import: `Settings()` reads. What a table selection or a warehouse URL means further on is for
the part that uses it; here stands only what can be refused without knowing tables, SQL or HTTP.
"""

import difflib
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, get_args
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from exact_assets.errors import SettingsError
from exact_assets.warehouse.open import EXAMPLE, FILE_NAME, file_url

Country = Literal["nl", "be", "de", "fr", "es", "com", "uk"]
"""The sites of Exact Online. An app registration and its tokens belong to one of them."""

Deletions = Literal["hard", "soft"]

OTHER_COUNTRY_NAMES = {"co.uk": "uk", "gb": "uk", "us": "com"}

EARLIEST_START_YEAR = 1990


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


def _state_file(values: dict[str, Any], name: str) -> Path:
    return (values.get("dagster_home") or Path.cwd()).expanduser().resolve() / ".state" / name


NO_APP = "EXACT_CLIENT_ID: expected the client id of your app registration."


class Settings(BaseSettings):
    """What users set. Each field is read from `EXACT_` and its name in capitals; an empty value is unset.

    Raises:
        SettingsError: one line for each value that makes no sense, by name, with what was expected.
    """

    model_config = SettingsConfigDict(
        env_prefix="EXACT_",
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
        populate_by_name=True,
    )

    dagster_home: Path | None = Field(default=None, validation_alias="DAGSTER_HOME")
    """Where the default state folder is; None: the working directory."""
    country: Annotated[Country, BeforeValidator(_read_country)] = "nl"
    base_url: str | None = None
    """Scheme, host and port instead of the country's own, such as a proxy's or a simulator's."""
    client_id: str | None = None
    client_secret: SecretStr | None = None
    redirect_uri: str = "http://localhost:8735/callback"
    """As registered with the app, to the letter."""
    start_year: int = Field(default_factory=lambda: datetime.now(UTC).year - 4)
    """The first business year to load."""
    tables: str | None = None
    """Names, groups and globs, comma separated; None: the default selection."""
    frequencies: str | None = None
    """How often tables are due, `crm/*=1d,transaction_lines=15m`, or the path of a TOML file of such pairs."""
    deletions: Deletions = "hard"
    """What becomes of rows that Exact no longer has: removed, or marked with `deleted_at`."""
    warehouse_url: str = Field(default_factory=lambda values: file_url(_state_file(values, FILE_NAME)))
    control_url: str = Field(default_factory=lambda values: f"sqlite:///{_state_file(values, 'control.sqlite')}")
    secret_key: SecretStr | None = None
    """Encrypts tokens at rest; None: a key file beside the control database, made on first use."""

    def __init__(self, **values: Any) -> None:
        """Read the environment and `.env`; `values` go first."""
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise SettingsError("\n".join(_problems(error))) from None

    @field_validator("base_url")
    @classmethod
    def _is_an_origin(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value.strip())
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.username:
            raise _refuse("expected scheme and host, such as https://start.exactonline.nl")
        if parts.path not in {"", "/"}:
            raise _refuse("expected scheme and host only: the path /api/v1 is added here")
        return f"{parts.scheme}://{parts.netloc}".lower()

    @field_validator("redirect_uri")
    @classmethod
    def _is_a_web_address(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
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
    def _is_a_database_url(cls, value: str) -> str:
        if not urlsplit(value).scheme or ":" not in value:
            raise _refuse(f"expected a database URL, such as {EXAMPLE}, sqlite:///path or postgresql://host/name")
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


def _problems(error: ValidationError) -> list[str]:
    """Name each setting as users know it. The values themselves stay out: some are secret."""
    lines = []
    for problem in error.errors(include_input=False, include_url=False):
        if problem["type"] == "default_factory_not_called":
            continue  # follows from another problem
        field = str(problem["loc"][0]).upper()
        name = field if field == "DAGSTER_HOME" else f"EXACT_{field}"
        lines.append(f"{name}: {problem['msg'].removeprefix('Value error, ')}")
    return lines
