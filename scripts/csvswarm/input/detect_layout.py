"""Detect the layout of a file where the user's options leave it open.

It is detected from the first records, and only where these leave no other reading: each detector states what it found.
If a layout is only likely, the file is read as plain CSV and a warning reports it.
"""

from __future__ import annotations

import re

from csvswarm.csv_format.dialect import CANDIDATES
from csvswarm.csv_format.normalize import WHITESPACE
from csvswarm.errors import InputError
from csvswarm.input.detect_header import detect_header
from csvswarm.input.layout import Given, Layout, requested_layout
from csvswarm.input.records import Records, shape_of

_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?', re.IGNORECASE)
#: Maximum lines of a title; share of records that must fit a header, below which a title is searched for.
MAX_TITLE_LINES, TITLE_BELOW = 10, 0.5
COMMENT = "#"


def find_layout(text: str, complete: bool, given: Given, *, tabs_first: bool) -> Layout:
    """Return the layout of a file that starts with `text`. complete: whether that is the whole file.

    Raises OptionError for what the user passed, InputError for fixed-width text.
    """
    layout = requested_layout(given)
    finder = _Finder(text, complete, given, layout, tabs_first)
    finder.find()
    return layout


class _Finder:
    """Detects the options that the user did not pass, one after the other."""

    def __init__(self, text: str, complete: bool, given: Given, layout: Layout, tabs_first: bool) -> None:
        self._given, self._layout = given, layout
        self._records = Records(text, complete)
        self._candidates = "\t,;|" if tabs_first else CANDIDATES
        self._decide = layout.decisions.append
        self._has_separator_line = False

    def find(self) -> None:
        self._find_separator_line()
        self._find_leading_comments()
        self._find_delimiter()
        self._find_comments()
        self._find_trailing_delimiter()
        self._find_header()

    def _lines(self) -> list[str]:
        return self._records.lines[self._layout.skip_lines :]

    def _shape(self, delimiter: str | None = None, *, escape: str | None = None) -> list[list[str]]:
        """Return the first records, comments left out."""
        layout = self._layout
        return self._records.read(
            layout.delimiter if delimiter is None else delimiter,
            layout.quotechar,
            layout.escape if escape is None else escape,
            skip_lines=layout.skip_lines,
            comment=layout.comment,
        )

    def _find_separator_line(self) -> None:
        given, layout = self._given, self._layout
        lines = self._lines()
        found = _SEPARATOR_LINE.fullmatch(lines[0]) if lines else None
        if found is None or given.skip_lines is not None or given.delimiter not in (None, found[1]):
            return
        layout.skip_lines, self._has_separator_line = 1, True
        layout.delimiter = found[1]
        self._decide(f"The first line, {lines[0]}, sets the delimiter and is not a record.")

    @property
    def _has_delimiter(self) -> bool:
        return self._given.delimiter is not None or self._has_separator_line

    def _find_leading_comments(self) -> None:
        """Skip lines before the header that start with # and have another number of fields."""
        given, layout = self._given, self._layout
        if given.comment is not None or given.skip_lines is not None:
            return
        lines = self._lines()
        count = 0
        while count < len(lines) and (not lines[count].strip() or lines[count].startswith(COMMENT)):
            count += 1
        if not any(line.startswith(COMMENT) for line in lines[:count]) or count == len(lines):
            return
        layout.comment = COMMENT
        self._find_delimiter(is_noted=False)
        rows = self._shape()
        layout.comment = ""
        width = len(rows[0]) if rows else 0
        # The last of them may be the header, as in files of the genome sciences.
        while count and width > 1 and (not lines[count - 1].strip() or self._width_of(lines[count - 1]) == width):
            count -= 1
        if width > 1 and count:
            layout.skip_lines += count
            self._decide(f"{_lines(count)} before the header: comments that start with #.")
        header = next(line for line in lines[count if width > 1 else 0 :] if line.strip())
        if header.startswith(f"{COMMENT} "):
            layout.warnings.append(
                f"The header is {header[:60]!r}, which looks like a comment. Pass -e 'comment=#' if it is one, "
                "-e comment= if it is not."
            )

    def _width_of(self, line: str) -> int:
        rows = Records(line, True).read(self._layout.delimiter, self._layout.quotechar, self._layout.escape)
        return len(rows[0]) if rows else 0

    def _find_delimiter(self, *, is_noted: bool = True) -> None:
        layout = self._layout
        if self._has_delimiter:
            self._find_escape([layout.delimiter], is_noted=is_noted)
            return
        order = self._candidates
        scored = [(shape_of(self._shape(candidate)), candidate) for candidate in order]
        best = max(shape for shape, _ in scored)
        layout.delimiter = next(c for shape, c in scored if shape == best) if best > (0.0, 0) else order[0]
        if self._find_escape(list(order) if best[0] < 1.0 else [layout.delimiter], is_noted=is_noted):
            best = shape_of(self._shape())
        if best[0] < TITLE_BELOW and self._find_title(is_noted=is_noted):
            best = shape_of(self._shape())
        if best == (0.0, 0) and self._find_whitespace(is_noted=is_noted):
            return
        if is_noted and best > (0.0, 0):
            self._decide(
                f"The delimiter is {layout.delimiter!r}: {best[0]:.0%} of the first records have as many fields as the "
                f"header, {best[1]}."
            )
        elif is_noted and best == (0.0, 0):
            self._decide("There is one column: no delimiter gives the header two fields.")

    def _find_escape(self, candidates: list[str], *, is_noted: bool) -> bool:
        r"""Find backslashes that escape: where only they make all records fit, or where there are fields \N."""
        layout = self._layout
        if self._given.escape is not None or layout.quotechar == "\\" or "\\" not in self._records.text:
            return False
        for delimiter in candidates:
            rows = self._shape(delimiter, escape="\\")
            fits = shape_of(rows)[0] == 1.0 and len(rows) > 2
            missing = any("\\N" in row for row in self._shape(delimiter))
            needed = (
                fits
                and bool(layout.quotechar)
                and f"\\{layout.quotechar}" in self._records.text
                and shape_of(self._shape(delimiter))[0] < 1.0
            )
            if needed or (missing and fits):
                layout.escape, layout.delimiter = "\\", delimiter
                if is_noted:
                    why = "some fields are \\N" if missing else "only so all records have as many fields as the header"
                    self._decide(f"The backslash escapes: {why}.")
                return True
        return False

    def _find_title(self, *, is_noted: bool) -> bool:
        """Find lines of a title before the header: after them, all records have the same number of fields."""
        layout = self._layout
        if self._given.skip_lines is not None or layout.skip_lines:
            return False
        found: tuple[int, int, str] | None = None
        for candidate in self._candidates:
            for count in range(1, MAX_TITLE_LINES + 1):
                title, after = self._lines()[:count], Records("\n".join(self._lines()[count:]), self._records.complete)
                rows = after.read(candidate, layout.quotechar, layout.escape, comment=layout.comment)
                share, width = shape_of(rows)
                if len(rows) < 3 or share < 1.0 or (layout.quotechar and any(layout.quotechar in t for t in title)):
                    continue
                widest = max((len(t.split(candidate)) for t in title if t.strip()), default=0)
                is_parted = not title[-1].strip() and widest < width
                if widest and ((widest == 1 and width > 2) or is_parted):
                    if found is None or width > found[0]:
                        found = width, count, candidate
                    break
        if found is None:
            return False
        width, layout.skip_lines, layout.delimiter = found
        if is_noted:
            self._decide(
                f"{_lines(layout.skip_lines)} before the header: a title, after which all records have {width} fields."
            )
        return True

    def _find_whitespace(self, *, is_noted: bool) -> bool:
        """Find fields separated by runs of blanks. Raises InputError if columns have fixed widths instead."""
        lines = self._records.whole_lines(self._layout.skip_lines)
        wide = [line for line in lines if re.search(r"\S[ \t]{2,}\S", line)]
        if len(lines) < 3 or len(wide) * 2 < len(lines):
            return False
        rows = self._shape(WHITESPACE)
        share, width = shape_of(rows)
        if share == 1.0:
            self._layout.delimiter = WHITESPACE
            if is_noted:
                self._decide(f"Runs of blanks separate the fields: all of the first records have {width}.")
            return True
        if _has_fixed_widths(lines):
            raise InputError(
                "this is not a CSV file but text with columns of fixed width: convert it first, for example with "
                "pandas: read_fwf(path).to_csv('data.csv', index=False). If it is a CSV, pass its delimiter."
            )
        return False

    def _find_comments(self) -> None:
        """Find lines between records that start with #, if none of them has as many fields as a record."""
        layout, given = self._layout, self._given
        if given.comment is not None:
            return
        rows = self._shape()
        width = len(rows[0]) if rows else 0
        odd = [row for row in rows[1:] if row[0].startswith(COMMENT)]
        if width < 2 or not odd or any(len(row) == width for row in odd):
            return
        layout.comment, layout.comment_is_detected, layout.width = COMMENT, True, width
        self._decide("Lines that start with # between the records are comments.")

    def _find_trailing_delimiter(self) -> None:
        layout, given = self._layout, self._given
        rows = self._shape()
        if not rows or layout.delimiter == WHITESPACE or given.trailing_delimiter is False:
            return
        width = len(rows[0])
        if given.trailing_delimiter:
            layout.trailing = True
            layout.width = len(layout.header) if isinstance(layout.header, list) else width - (layout.header is False)
            return
        if layout.header is not True or len(rows) < 3:
            return
        if all(len(row) == width + 1 and not row[-1] for row in rows[1:]):
            layout.trailing, layout.width = True, width
            self._decide("Every record but the header ends with a delimiter, which is dropped.")

    def _find_header(self) -> None:
        rows = self._shape()
        if self._layout.header is True and self._given.header is None and len(rows) >= 3:
            detect_header(rows, self._layout)


def _has_fixed_widths(lines: list[str]) -> bool:
    """Whether all lines have blanks at the same positions, with text on both sides."""
    if len(lines[0].split()) < 2:
        return False
    width = max(len(line.rstrip()) for line in lines)
    used = [any(line[at : at + 1].strip() for line in lines) for at in range(width)]
    return not all(used[used.index(True) :])


def _lines(count: int) -> str:
    return "1 line" if count == 1 else f"{count} lines"
