"""The questions that can be put to Exact Online, and their answers as values. Sending them is `sender`'s work."""

from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Any

import msgspec
import pyarrow.compute as pc

from exact_assets.errors import (
    AnswerError,
    DivisionNotGrantedError,
    ForbiddenError,
    PagingError,
    StaleLinkError,
    WrongDivisionError,
)
from exact_assets.exact.account import DIVISION_SCHEMA, ME_PROPERTIES, Division, Me, read_divisions, read_me
from exact_assets.exact.decode import PageDecoder
from exact_assets.exact.json_repair import NotJsonError, repair_json
from exact_assets.exact.limits import Quota
from exact_assets.exact.numbers import read_integer, read_number
from exact_assets.exact.page import Decoded, Page
from exact_assets.exact.ports import Ledger
from exact_assets.exact.question import Question
from exact_assets.exact.sender import Sender
from exact_assets.exact.urls import build_url, check_same_site, endpoint_of, through_proxy
from exact_assets.exact.write import Write

ME_PATH = "/api/v1/current/Me"
DIVISIONS_PATH = "/api/v1/{division}/system/Divisions"
EXACTLY = msgspec.json.Decoder(float_hook=read_number)
MOST_ROWS = 10**15
MOST_EMPTY_PAGES = 20
"""In a row, each with a link to another: a chain that brings nothing, and would go on for ever."""


class ExactClient:
    """Asks Exact Online. One call in flight per division; divisions may be asked side by side."""

    def __init__(self, sender: Sender, *, ledger: Ledger, site_url: str, zone: str) -> None:
        """Prepare; nothing is sent.

        Args:
            sender: sends within the quota.
            ledger: the shared quota.
            site_url: scheme, host and port; links to any other are refused.
            zone: in which the site writes wall clocks: an IANA name, or an offset such as `+02:00`.
        """
        self._sender = sender
        self._ledger = ledger
        self._site_url = site_url
        self._zone = zone

    @property
    def zone(self) -> str:
        """The site's time zone (IANA name, or an offset such as `+02:00`), in which it writes wall clocks."""
        return self._zone

    def server_now(self) -> datetime:
        """Return the server's time (aware, UTC), at most a second early."""
        return self._sender.server_now()

    async def pages(
        self,
        division: int,
        question: Question,
        *,
        link: str | None = None,
    ) -> AsyncIterator[Page]:
        """Read a chain of pages, following `__next` verbatim. Memory does not grow with the chain.

        Args:
            division: that is asked, and whose quota is used.
            question: what it is asked.
            link: a page's `next_link`, to go on from there; path and parameters are not used then.

        Raises:
            StaleLinkError: `link` leads to another site: the base URL was changed, or a proxy came or went.
            ExactError: a PagingError comes before the page whose link is wrong is yielded.
        """
        if link is not None:
            url = self._resumed(link, division=division)
        else:
            url = build_url(self._site_url, question.path, question.params, division=division)
        endpoint = endpoint_of(url)
        decode = PageDecoder(question, endpoint=endpoint, zone=self._zone)
        asked = set[int]()
        empty_pages = 0
        while True:
            asked.add(hash(url))
            page = await self._page(url, decode, division=division, check_division=question.check_division)
            following = page.next_link
            empty_pages = 0 if page.rows.num_rows else empty_pages + 1
            if following is not None and empty_pages == MOST_EMPTY_PAGES:
                raise PagingError(
                    f"{endpoint}: {empty_pages} pages in a row of division {division} hold no rows, and each names "
                    "another. Load again later.",
                    division=division,
                    endpoint=endpoint,
                )
            if following is not None:
                following = through_proxy(following, self._site_url)
                check_same_site(following, self._site_url, division=division)
                if hash(following) in asked:
                    raise PagingError(
                        f"{endpoint}: the chain of pages of division {division} repeats itself. Load again later.",
                        division=division,
                        endpoint=endpoint,
                    )
            yield page
            if following is None:
                return
            url = following

    async def get(self, path: str, params: Mapping[str, str] | None = None, *, division: int | None = None) -> Any:
        """Read one small answer as plain values: what `d` holds, numbers with a fraction as Decimal."""
        url = build_url(self._site_url, path, params or {}, division=division)
        answer = await self._sender.ask(url, _plain_content, division=division)
        return answer.content

    async def write(
        self, division: int, path: str, write: Write, *, answer: Question | None = None
    ) -> Decoded | None:
        """Ask Exact to change something.

        Args:
            division: in which; its quota is used.
            path: such as `/api/v1/{division}/documents/Documents`.
            write: what is to be changed.
            answer: as what the answer is read; None: it is not.

        Raises:
            UncertainWriteError: the answer to a POST was lost.
        """
        url = build_url(self._site_url, path, {}, division=division)
        decode = None
        if answer is not None:
            decode = PageDecoder(answer, endpoint=endpoint_of(url), zone=self._zone)
        reply = await self._sender.ask(url, decode or _nothing, division=division, write=write)
        return reply.content

    async def file(self, division: int, link: str) -> bytes:
        """Download a file from where Exact says it is; the token goes to no other host.

        Raises:
            PagingError: the link leads elsewhere. Nothing was sent.
        """
        url = through_proxy(link, self._site_url)
        check_same_site(url, self._site_url, division=division, what="link to the file")
        reply = await self._sender.ask(url, bytes, division=division)
        return reply.content

    @property
    def knows_time(self) -> bool:
        """Return whether `server_now` rests on what an answer has told."""
        return self._sender.knows_time

    async def count(self, division: int, path: str, params: Mapping[str, str]) -> int | None:
        """Ask how many rows there are; None: Exact does not say.

        It gives a count as text, beside the rows. One is enough, but `$top` can make the answer a bare list, which
        has no place for a count: then a page of rows comes with it, in a second call.
        """
        for top in ({"$top": "1"}, {}):
            found = await self.get(path, {**params, **top, "$inlinecount": "allpages"}, division=division)
            if isinstance(found, dict):
                return read_integer(str(found.get("__count")), lowest=0, highest=MOST_ROWS)
        return None

    async def me(self) -> Me:
        """Read who the tokens belong to."""
        found = await self.get(ME_PATH, {"$select": ",".join(ME_PROPERTIES)})
        rows = found.get("results", [found]) if isinstance(found, dict) else found
        if not isinstance(rows, list) or not rows or not isinstance(rows[0], dict):
            raise AnswerError("current/Me: Exact does not say whose token this is.", endpoint="current/Me")
        return read_me(rows[0])

    async def divisions(self) -> tuple[Division, ...]:
        """Read all divisions that the user may reach and that are granted to the app.

        Raises:
            DivisionNotGrantedError: the user's current division, which the address must name, is not granted.
        """
        me = await self.me()
        found: list[Division] = []
        question = Question(
            path=DIVISIONS_PATH,
            params={"$select": ",".join(DIVISION_SCHEMA.names)},
            schema=DIVISION_SCHEMA,
            key=("Code",),
            required=("Code",),
            check_division=False,
        )
        try:
            async for page in self.pages(me.current_division, question):
                # A null in the place of a date would say that a division was never moved.
                page.require_fit(endpoint_of(DIVISIONS_PATH))
                found += read_divisions(page.rows)
        except ForbiddenError as error:
            raise DivisionNotGrantedError(
                f"Exact does not list the divisions: the user's current division {me.current_division} is not "
                f"granted to the app. Grant it, or choose another in Exact Online, and try again. ({error})",
                division=me.current_division,
                endpoint=error.endpoint,
                status=error.status,
                reason=error.reason,
            ) from error
        return tuple(found)

    def quota(self, division: int) -> Quota:
        """Return what is known of the division's quota; unknown before its first answer."""
        return self._ledger.quota(division).at(self.server_now())

    def calls(self, division: int) -> int:
        """Count the calls that this client has sent to a division, retries included."""
        return self._sender.calls[division]

    def _resumed(self, link: str, *, division: int) -> str:
        """Return the address of a link that was stored."""
        url = through_proxy(link, self._site_url)
        try:
            check_same_site(url, self._site_url, division=division)
        except (PagingError, ValueError) as error:
            raise StaleLinkError(
                f"A stored link does not lead to {self._site_url} ({error}). EXACT_BASE_URL or EXACT_COUNTRY was "
                "changed since: what it belongs to is read anew.",
                division=division,
            ) from error
        return url

    async def _page(self, url: str, decode: PageDecoder, *, division: int, check_division: bool) -> Page:
        """Read one page; rows of another division are asked for once more, as that has passed by itself before."""
        calls = 0
        for _ in range(2):
            answer = await self._sender.ask(url, decode, division=division)
            calls += answer.calls
            if not (check_division and _is_of_another_division(answer.content, division)):
                return Page.of(answer.content, server_time=answer.server_time, calls=calls)
        raise WrongDivisionError(
            f"{endpoint_of(url)}: Exact answered with rows of another division than {division}, twice. "
            "None of the page was kept; load again later.",
            division=division,
            endpoint=endpoint_of(url),
        )


def _is_of_another_division(content: Decoded, division: int) -> bool:
    tables = [table for table in (content.rows, content.expanded) if table is not None]
    columns = [table.column("Division") for table in tables if "Division" in table.column_names]
    return any(pc.any(pc.not_equal(column, division)).as_py() for column in columns)


def _nothing(_body: bytes) -> None:
    """Leave an answer unread: there is nothing in it that is not known."""


def _plain_content(body: bytes) -> Any:
    try:
        answer = EXACTLY.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        try:
            answer = EXACTLY.decode(repair_json(body))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise NotJsonError("the answer is cut or not JSON") from error
    except RecursionError as error:
        raise AnswerError("The answer holds lists in lists, deeper than can be read.") from error
    if not isinstance(answer, dict) or "d" not in answer:
        raise AnswerError("The answer is JSON, but holds no rows.")
    return answer["d"]
