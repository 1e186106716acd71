"""Recognizes texts that people read as numbers but a plain CSV reader does not: 1,5, 1.234,50, 10%, $10 and (12).

Such a text becomes a number only when the job states how numbers are written. Here it is only recognized, so that a job
can name the columns that it did not treat as numbers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache

_SIGN = "[-+\u2212]?"
_CURRENCY = "[$€£¥₹₽₩₺₴₪฿¢₦₱₫]"
_DIGITS = "[0-9](?:[0-9., '\u2019\u00a0\u202f]*[0-9])?"
_CODE = "[A-Z]{3}"


def _groups(separator: str) -> str:
    return f"[1-9][0-9]{{0,2}}(?:{separator}[0-9]{{3}})+"


_BY_DOT, _BY_COMMA = _groups("[.]"), _groups(",")
_BY_BLANK, _BY_APOSTROPHE = _groups("[ \u00a0\u202f]"), _groups("['\u2019]")
#: Styles of numbers: name -> pattern of a whole value.
STYLES = {
    "percent": rf"{_SIGN}{_DIGITS}\s?%",
    "currency": rf"\(?{_SIGN}(?:{_CURRENCY}\s?|{_CODE}\s){_SIGN}{_DIGITS}\)?"
    rf"|\(?{_SIGN}{_DIGITS}(?:\s?{_CURRENCY}|\s{_CODE})\)?",
    "parentheses": rf"\({_DIGITS}\)",
    "decimal_comma": rf"{_SIGN}(?:[0-9]+|{_BY_DOT}|{_BY_BLANK}),[0-9]+(?:[eE]{_SIGN}[0-9]+)?",
    "thousands_comma": rf"{_SIGN}{_BY_COMMA}(?:[.][0-9]*)?",
    "thousands_dot": rf"{_SIGN}[1-9][0-9]{{0,2}}(?:[.][0-9]{{3}}){{2,}}",
    "thousands_blank": rf"{_SIGN}{_BY_BLANK}(?:[.][0-9]*)?",
    "thousands_apostrophe": rf"{_SIGN}{_BY_APOSTROPHE}(?:[.][0-9]*)?",
}
_PLAIN = r"(?i)-?(?:[0-9]+[.]?[0-9]*|[.][0-9]+)(?:[eE][-+]?[0-9]+)?|[-+]?inf(?:inity)?"
#: Values of which a number would lose digits: a leading zero, a plus sign, more than 64 bits.
_DIGIT_CODE = r"0[0-9]+|\+[0-9 ]+|-?[0-9]{19,}|0[xX][0-9a-fA-F]+"


@cache
def _styles() -> list[tuple[str, re.Pattern[str]]]:
    """Return the styles with their patterns, which are compiled only where texts with digits are found."""
    return [(name, re.compile(pattern)) for name, pattern in STYLES.items()]


def is_plain(text: str) -> bool:
    """Whether a value is a number without any setting."""
    return bool(re.fullmatch(_PLAIN, text)) and not re.fullmatch(_DIGIT_CODE, text)


def is_code(text: str) -> bool:
    """Whether a value would lose digits as a number, like 007."""
    return bool(re.fullmatch(_DIGIT_CODE, text))


@dataclass
class Survey:
    """The kinds of values of one column.

    present: number of values that are not missing. plain: number of plain numbers. codes: number of values that would
    lose digits as numbers. styled: by style, number of values that are numbers in it; like: the first of them.
    examples: the first that are not plain numbers. Values are kept with their record numbers.
    """

    present: int = 0
    plain: int = 0
    codes: int = 0
    styled: dict[str, int] = field(default_factory=dict)
    like: dict[str, tuple[int, str]] = field(default_factory=dict)
    examples: list[tuple[int, str]] = field(default_factory=list)

    def add(self, record: int, text: str, most: int, *, any_text: bool, numbers: re.Pattern[str] | None) -> None:
        """Count a value that is not missing; keep it as one of at most `most` examples. See `survey`."""
        self.present += 1
        bare = text.strip()
        if (is_plain(bare) if numbers is None else numbers.fullmatch(bare)) and not is_code(bare):
            self.plain += 1
            if not any_text:
                return
        self.codes += is_code(bare)
        if numbers is None and any(char in "0123456789" for char in bare):
            for name, pattern in _styles():
                if pattern.fullmatch(bare):
                    self.styled[name] = self.styled.get(name, 0) + 1
                    self.like.setdefault(name, (record, text))
        if len(self.examples) < most and text not in (value for _, value in self.examples):
            self.examples.append((record, text))

    @property
    def style(self) -> str:
        """The style of the most values, "" without any; on ties, the first in `STYLES`."""
        return max(self.styled, key=lambda name: (self.styled[name], -list(STYLES).index(name)), default="")


def survey(
    rows: Iterable[Sequence[str]],
    columns: dict[str, int],
    null_values: Iterable[str],
    most: int,
    *,
    first_record: int = 1,
    any_text: bool = False,
    numbers: re.Pattern[str] | None = None,
) -> dict[str, Survey]:
    """Return a survey of each column.

    columns: name -> index. rows: the records from `first_record` on. most: number of examples to keep per column.
    any_text: keep numbers as examples as well. numbers: the format of numbers, None for plain ones.
    """
    missing = {"", *null_values}
    found = {name: Survey() for name in columns}
    for record, row in enumerate(rows, first_record):
        for name, index in columns.items():
            if index < len(row) and (text := row[index]) not in missing and text.strip() not in missing:
                found[name].add(record, text, most, any_text=any_text, numbers=numbers)
    return found
