"""Numbers from their text, exactly and within bounds. Which column they are for is known to others.

No text of unknown length or exponent may reach Arrow's own conversion: it stored 7e31 as another number without
a word, and ended the process at 1e-999999999. Python's `int` refuses more than 4,300 digits; a float drops them.
"""

import re
from decimal import MAX_EMAX, MIN_EMIN, ROUND_HALF_EVEN, Context, Decimal

NUMBER = re.compile(r"([+-]?)(?=\.?[0-9])([0-9]*)(?:\.([0-9]*))?(?:[eE]([+-]?)([0-9]+))?")
FARTHEST_EXPONENT = 10**15
"""Stands for all that are farther: no text is so long that its digits could make up for it."""
TENTH_DIGIT = Decimal("1e-10")
MOST_WHOLE_DIGITS = 28
"""Before the point of a decimal(38, 10)."""
WIDE = Context(prec=60, Emax=MAX_EMAX, Emin=MIN_EMIN)
MOST_INTEGER_DIGITS = 20


def read_number(text: str) -> Decimal:
    """Return the number that a text says, as JSON writes them; a plus, leading zeros and spaces around it may be.

    Raises:
        ValueError: it is no number.
    """
    found = NUMBER.fullmatch(text.strip())
    if found is None:
        raise ValueError("no number")
    sign, whole, fraction, direction, exponent = (part or "" for part in found.groups())
    if not whole.strip("0") and not fraction.strip("0"):
        return Decimal(0)
    digits = exponent.lstrip("0") or "0"
    far = len(digits) > len(str(FARTHEST_EXPONENT))
    return Decimal(f"{sign}{whole}.{fraction}e{direction}{FARTHEST_EXPONENT if far else digits}")


def to_amount(number: Decimal) -> Decimal:
    """Round to ten decimals, half to even.

    Raises:
        ValueError: more than 28 digits before the point.
    """
    if number and number.adjusted() >= MOST_WHOLE_DIGITS:
        raise ValueError("too large")
    if number.adjusted() < TENTH_DIGIT.adjusted() - 1:
        return Decimal(0)
    rounded = number.quantize(TENTH_DIGIT, ROUND_HALF_EVEN, WIDE)
    if rounded.adjusted() >= MOST_WHOLE_DIGITS:
        raise ValueError("too large")
    return rounded


def to_integer(number: Decimal) -> int:
    """Return a whole number as such.

    Raises:
        ValueError: it has a fraction, or more digits than any column holds.
    """
    if number and not 0 <= number.adjusted() < MOST_INTEGER_DIGITS:
        raise ValueError("no whole number, or too large")
    if number != number.to_integral_value(context=WIDE):
        raise ValueError("no whole number")
    return int(number)


def read_integer(text: str | None, *, lowest: int, highest: int) -> int | None:
    """Read a whole number, such as a header's; None: it is missing, no whole number, or out of bounds."""
    try:
        number = to_integer(read_number(text or ""))
    except ValueError:
        return None
    return number if lowest <= number <= highest else None
