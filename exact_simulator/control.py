"""A client of `/_simulator/…`, for tests and the demo. Knows no server code: it speaks HTTP like any other."""

import json
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import httpx


class Control:
    """Changes what a running simulator holds and does, and reads what was asked of it."""

    def __init__(self, base_url: str) -> None:
        """Speak to the simulator at an address."""
        self._http = httpx.Client(base_url=f"{base_url}/_simulator", timeout=300, trust_env=False)

    def __enter__(self) -> Self:
        """Use as a context manager."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the connection."""
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def mutate(self, action: str, **arguments: Any) -> Any:
        """Call a method of the simulator's books: `insert`, `update`, `delete`, `move_division`, and so on.

        Raises:
            ValueError: the books refuse; the text says why.
        """
        answer = self._http.post("/mutate", json={"action": action, **arguments})
        if answer.status_code == 422:
            raise ValueError(answer.text)
        return _checked(answer).json()

    def insert(self, endpoint: str, division: int, **arguments: Any) -> list[Any]:
        """Insert rows (`count`, `values`); `endpoint` reads `crm/Accounts`. Gives their keys."""
        return list(self.mutate("insert", endpoint=endpoint, division=division, **arguments))

    def update(self, endpoint: str, division: int, **arguments: Any) -> list[Any]:
        """Change rows (`count`, or `keys` and `values`). Gives their keys."""
        return list(self.mutate("update", endpoint=endpoint, division=division, **arguments))

    def delete(self, endpoint: str, division: int, **arguments: Any) -> list[Any]:
        """Delete rows (`count`, or `keys`). Gives their keys."""
        return list(self.mutate("delete", endpoint=endpoint, division=division, **arguments))

    def fault(
        self,
        kind: str,
        *,
        path: str = "",
        division: int | None = None,
        times: int | None = 1,
        after: int = 0,
        value: Any = None,
    ) -> None:
        """Set a fault; `faults` has the kinds. `path` is a regular expression over path and query."""
        match = {"path": path, "division": division}
        fault = {"kind": kind, "match": match, "times": times, "after": after, "value": value}
        answer = self._http.post("/faults", json=fault)
        if answer.status_code == 422:
            raise ValueError(answer.text)
        _checked(answer)

    def clear_faults(self) -> None:
        """Take all faults away."""
        _checked(self._http.delete("/faults"))

    def set(self, **settings: Any) -> dict[str, Any]:
        """Change switches: see `exact_simulator.settings`. Gives all of them.

        Raises:
            ValueError: there is no such switch, or it does not take that value.
        """
        answer = self._http.post("/settings", json=settings)
        if answer.status_code == 422:
            raise ValueError(answer.text)
        found: dict[str, Any] = _checked(answer).json()
        return found

    def reset(self) -> None:
        """Put switches and the clock back; forget faults, calls and quota. Rows and tokens stay."""
        for path in ("/settings", "/faults", "/calls", "/quota", "/clock"):
            _checked(self._http.delete(path))

    def calls(self, *, path: str = "", division: int | None = None) -> list[dict[str, Any]]:
        """Read the log of calls, oldest first; with `path`, those whose path has it as a part."""
        lines = _checked(self._http.get("/calls")).text.splitlines()
        found = [json.loads(line) for line in lines]
        return [call for call in found if path in call["path"] and division in {None, call["division"]}]

    def forget_calls(self) -> None:
        """Empty the log of calls."""
        _checked(self._http.delete("/calls"))

    def rows(self, path: str, division: int | None = None) -> list[dict[str, Any]]:
        """Read the true rows of an endpoint (`crm/Accounts`, `sync/CRM/Accounts`), without quota or paging.

        Values are the books' own: guids in lower case, dates as milliseconds of the local wall clock written as if
        it were UTC, booleans as 0 and 1, whole numbers as such.
        """
        query: Mapping[str, Any] = {"path": path} | ({} if division is None else {"division": division})
        return [json.loads(line) for line in _checked(self._http.get("/rows", params=query)).text.splitlines()]

    def quota(self) -> list[dict[str, Any]]:
        """Read what is used of the windows, per client and division."""
        found: list[dict[str, Any]] = _checked(self._http.get("/quota")).json()
        return found

    def forget_quota(self) -> None:
        """Start all windows anew, and lift blocks after errors."""
        _checked(self._http.delete("/quota"))

    def advance(self, seconds: float) -> None:
        """Shift the simulator's clock."""
        _checked(self._http.post("/clock", json={"advance_seconds": seconds}))

    def freeze(self, utc: float | None = None) -> None:
        """Stop the simulator's clock, at a moment in seconds since 1970 if one is given."""
        _checked(self._http.post("/clock", json={"frozen": True} | ({} if utc is None else {"utc": utc})))

    def thaw(self) -> None:
        """Let the simulator's clock go on."""
        _checked(self._http.post("/clock", json={"frozen": False}))

    def now(self) -> float:
        """Read the simulator's clock, in seconds since 1970, UTC."""
        return float(_checked(self._http.get("/clock")).json()["utc"])

    def tokens(self) -> dict[str, str]:
        """Get a new pair of tokens, as if the user had consented anew."""
        found: dict[str, str] = _checked(self._http.post("/tokens")).json()
        return found

    def refreshes(self) -> int:
        """Count the successful refreshes so far."""
        return int(_checked(self._http.get("/tokens")).json()["refreshes"])

    def revoke(self, *, chain: bool = False) -> None:
        """Make all access tokens unknown; with `chain`, break the refresh chain too."""
        _checked(self._http.delete("/tokens", params={"chain": 1} if chain else {}))


def _checked(answer: httpx.Response) -> httpx.Response:
    if answer.is_error:
        raise ValueError(
            f"{answer.request.method} {answer.request.url.path}: {answer.status_code} {answer.text[:500]}"
        )
    return answer
