"""What can be switched while the simulator runs. The defaults are what the recordings show.

Where nobody knows how the real service behaves, both ways are here. `STRICT` plays the harder one of each.
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class Settings(BaseModel):
    """Switches; `POST /_simulator/settings` changes any of them."""

    model_config = ConfigDict(extra="forbid", validate_assignment=True)

    # OAuth
    token_seconds: float = Field(default=600, gt=0)
    refresh_token_days: float = 30
    token_calls_a_day: int | None = None
    """Calls of the token endpoint per client and UTC day; None: not limited."""
    old_refresh_tokens_accepted: bool = False
    """Some old client ids may use a refresh token again."""
    old_refresh_token_status: Literal[400, 401] = 401
    unauthorized_body: Literal["json", "empty"] = "json"

    # Limits
    minute_limit: int = 60
    day_limit: int = 5000
    minute_seconds: float = Field(default=60, gt=0)
    day_seconds: float = Field(default=86400, gt=0)
    too_many_body: Literal["empty", "json", "html"] = "empty"
    overlaps_refused: bool = False
    """Answer a second call of a division with 429 while one is in flight; logged as an overlap either way."""
    error_limit: int = 10
    """Errors (400, 401, 403, 404) per key, user, division, endpoint and hour before the key is blocked."""
    block_seconds: float = 3600
    blocked_answer: Literal["429", "403"] = "429"
    """Both come without rate headers."""
    token_errors_block: bool = False
    """Whether errors of the token endpoint, early refreshes among them, block that as well."""

    # OData
    page_size_cap: int | None = Field(default=None, gt=0)
    """Smaller pages than Exact's, to page through few rows."""
    top_shape: Literal["rule", "list", "results"] = "rule"
    """`rule`: `$top` up to the page size gives a bare list."""
    inline_count: Literal["always", "not_in_lists", "never"] = "always"
    """`always`: `$inlinecount` makes `results` of what would be a bare list; `not_in_lists`: such a list stays one,
    without a count."""
    function_shape: Literal["list", "results"] = "list"
    full_page_has_next: bool = False
    """A last page that is just full has a link to an empty one."""
    sync_order: Literal["timestamp", "key", "shuffled"] = "timestamp"
    """Order of sync rows without `$orderby`; `key` pages by the record's guid, the others by Timestamp."""
    mandatory_filter: bool | tuple[str, ...] = False
    """Require `$filter` on all single and bulk endpoints with a sync twin, or on those named (`crm/Accounts`)."""
    filterable: Literal["stated", "listed", "any"] = "stated"
    """Which filters are refused. `stated`: others than Exact's text names as the only ones; `listed`: also others
    than its page marks, though clients in production use some."""
    list_filters_refused: bool = False
    """Refuse `$filter` on functions without parameters as well, such as `read/financial/ReceivablesList`."""
    empty_filter_refused: bool = False
    """Refuse `$filter=` without anything, as a client sends it that was given no filters."""
    skip_supported: bool = True
    next_dollar_encoded: bool = False
    """Write `%24skiptoken` in links."""
    date_slashes_escaped: bool = True
    """Write `\\/Date(…)\\/` in JSON text."""
    error_lang: str = ""
    expanded_page_size: int | None = Field(default=None, gt=0)
    """Rows of an expanded collection before it gets a `__next` of its own; None: all come at once."""

    # Who may do what
    refused_divisions: dict[int, str] = Field(default_factory=dict)
    """Division to `Reason` header: BlockedCustomer, LicenseExpired, DivisionBlocked, NoDivisionAccess."""
    hidden_divisions: tuple[int, ...] = ()
    """Divisions that exist but are not granted to app and user: not listed, 403 when asked."""
    current_division: int | None = None
    """The division that `Me` names as the current one; None: the first."""
    missing_scopes: tuple[str, ...] = ()
    """Services (`crm`) that the app's registration lacks the scope for."""
    unlicensed_services: tuple[str, ...] = ()
    """Services that the licence lacks."""
    user_block: Literal["BlockedUser", "InactiveUser"] | None = None
    divisions_url_checked: bool = False
    """Whether the division in `/{division}/system/Divisions` must be a granted one."""

    # What there is
    dropped_properties: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Properties that an endpoint (`sync/CRM/Accounts`) does not have, though Exact's reference lists them."""

    # Documents
    request_bytes: int = 10_000_000
    request_size_counted: Literal["content", "body"] = "content"
    """`content`: of a file, its bytes; `body`: all that is sent, base64 included."""
    post_answer: Literal["full", "sparse"] = "full"
    """`sparse`: the answer to a POST holds the key, and null for all else."""
    read_only_services: tuple[str, ...] = ()
    """Services (`documents`) that the app's registration may read but not write."""


STRICT: dict[str, Any] = {
    "too_many_body": "html",
    "unauthorized_body": "empty",
    "overlaps_refused": True,
    "token_errors_block": True,
    "full_page_has_next": True,
    "sync_order": "shuffled",
    "mandatory_filter": True,
    "filterable": "listed",
    "list_filters_refused": True,
    "empty_filter_refused": True,
    "skip_supported": False,
    "next_dollar_encoded": True,
    "inline_count": "not_in_lists",
    "request_size_counted": "body",
    "post_answer": "sparse",
}
"""The harder way of each uncertain point."""
