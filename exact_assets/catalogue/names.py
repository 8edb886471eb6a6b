"""How Exact's names become names of the warehouse. Spelling only: which tables there are is decided elsewhere.

What no rule can know is data, `words.json`: the acronyms, by which a run of capitals is cut (`VATFC` is VAT and
FC); words that Exact writes now together and now apart, with the one spelling that they get here; and entities
whose names are no plurals, though each row is one of them. A digit stays with the word before it, unless Exact
writes an underscore: `address_line1`, `class_01`.
"""

import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files

import msgspec

_WORD = re.compile(
    r"[A-Z]{2,}s(?![a-z])"  # IDs, CLAs
    r"|[A-Z]+(?![a-z])"  # VAT, and GL in GLAccount
    r"|[A-Z][a-z0-9]*"  # Account, Line1
    r"|[a-z0-9]+"  # 01, syscreated
)


class Words(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is known of words in Exact's names."""

    acronyms: frozenset[str]
    spellings: dict[str, str]
    """Words in snake case, and how they are spelled here."""
    entities: dict[str, str]
    """Exact's names of entities, and the plurals that name their tables."""


@cache
def words() -> Words:
    """Read the data file."""
    return msgspec.json.decode((files("exact_assets.catalogue") / "words.json").read_bytes(), type=Words)


@cache
def snake(name: str) -> str:
    """Turn Exact's name into snake case: `AmountVATFC` amount_vat_fc, `GLAccountCode` gl_account_code."""
    joined = "_".join(part for word in _WORD.findall(name) for part in _parts(word)).lower()
    return _spellings().sub(lambda found: words().spellings[found[0]], joined)


def spoken(name: str) -> str:
    """Turn Exact's name into words, acronyms in capitals: `GLAccounts` GL accounts."""
    capitals = {word.lower(): word for word in words().acronyms}
    capitals |= {f"{word}s": f"{capital}s" for word, capital in capitals.items()}
    return " ".join(capitals.get(word, word) for word in snake(name).split("_"))


def table_name(service: str, entity: str) -> str:
    """Name a table: service and entity, `crm_accounts`."""
    return f"{service}_{snake(words().entities.get(entity, entity))}"


def cut(run: str) -> tuple[str, ...]:
    """Cut a run of capitals into acronyms; one that is not made of them is a word by itself."""
    return next(_cuts(run), (run,))


def _parts(word: str) -> tuple[str, ...]:
    capitals = word.removesuffix("s") if word[:2].isupper() else ""
    if len(capitals) < 2:  # one only begins a word
        return (word,)
    *first, last = cut(capitals)
    return (*first, last + word[len(capitals) :])


def _cuts(run: str) -> Iterator[tuple[str, ...]]:
    if not run:
        yield ()
    for end in range(len(run), 0, -1):
        if run[:end] in words().acronyms:
            yield from ((run[:end], *rest) for rest in _cuts(run[end:]))


@cache
def _spellings() -> re.Pattern[str]:
    spelled = "|".join(sorted(words().spellings, key=len, reverse=True))
    return re.compile(rf"(?<![^_])(?:{spelled})(?![^_])")
