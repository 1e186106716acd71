"""The layout of a file: lines before its header, whether it has one, and what separates its fields."""

from __future__ import annotations

from dataclasses import dataclass, field

from csvswarm.csv_format.dialect import check_character
from csvswarm.csv_format.normalize import WHITESPACE, Rules
from csvswarm.errors import OptionError


@dataclass(frozen=True)
class Given:
    """The layout options that the user passed: None to detect one, "" for none."""

    delimiter: str | None = None
    quotechar: str | None = None
    header: bool | list[str] | None = None
    skip_lines: int | None = None
    comment: str | None = None
    escape: str | None = None
    trailing_delimiter: bool | None = None


@dataclass
class Layout:
    """The layout of a file.

    header: whether there is one, or the names of the columns. trailing: whether every record but the header ends with
    a delimiter. width: fields of a record. decisions and warnings: one sentence each.
    """

    delimiter: str = ","
    quotechar: str = '"'
    header: bool | list[str] = True
    skip_lines: int = 0
    comment: str = ""
    comment_is_detected: bool = False
    escape: str = ""
    trailing: bool = False
    width: int = 0
    decisions: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def rules(self) -> Rules | None:
        """Return the rules that rewrite the text as plain CSV, None if it already is plain CSV."""
        is_ascii = len(self.delimiter) == 1 and self.delimiter.isascii() and not self.delimiter.isalnum()
        if is_ascii and not (self.comment or self.escape or self.trailing):
            return None
        return Rules(
            delimiter=self.delimiter,
            quotechar=self.quotechar,
            escape=self.escape,
            comment=self.comment,
            comment_width=self.width if self.comment_is_detected else 0,
            skip_lines=self.skip_lines,
            trailing=self.width if self.trailing else 0,
            out_delimiter=self.delimiter if is_ascii else ",",
            out_quote=self.quotechar or '"',
        )


def requested_layout(given: Given) -> Layout:
    """Return the layout that the user passed, with defaults for the rest. Raises OptionError."""
    quotechar = '"' if given.quotechar is None else check_character("quotechar", given.quotechar, may_be_empty=True)
    delimiter = given.delimiter
    if delimiter is not None and delimiter != WHITESPACE:
        delimiter = {"\\t": "\t", "tab": "\t"}.get(delimiter, delimiter)
        if len(delimiter) != 1 or delimiter in "\r\n\0":
            raise OptionError(
                f"delimiter is {delimiter!r}, but must be one character, tab, or whitespace (any run of blanks)."
            )
    escape = given.escape or ""
    if len(escape) > 1 or escape in ("\r", "\n", "\0") or (escape and (escape.isalnum() or not escape.isascii())):
        raise OptionError(
            f"escape is {escape!r}, but must be one ASCII character that is not a letter or digit, like \\."
        )
    comment = given.comment or ""
    if comment != comment.strip() or "\n" in comment or "\r" in comment or "\0" in comment:
        raise OptionError(f"comment is {comment!r}, but must be the start of comment lines, like #.")
    if given.skip_lines is not None and given.skip_lines < 0:
        raise OptionError(f"skip_lines is {given.skip_lines}, but must be a number of lines, 0 or more.")
    for one, other in (("delimiter", "quotechar"), ("delimiter", "escape"), ("quotechar", "escape")):
        values = {"delimiter": delimiter, "quotechar": quotechar, "escape": escape}
        if values[one] and values[one] == values[other]:
            raise OptionError(f"{one} and {other} are both {values[one]!r}; they must differ.")
    if comment and comment[0] in (delimiter, quotechar):
        raise OptionError(f"comment starts with {comment[0]!r}, which is also the delimiter or the quote.")
    layout = Layout(delimiter or ",", quotechar, skip_lines=given.skip_lines or 0, comment=comment, escape=escape)
    layout.header = True if given.header is None else given.header
    if isinstance(layout.header, list):
        _check_names(layout.header)
    return layout


def _check_names(names: list[str]) -> None:
    if not names or not all(names):
        raise OptionError("header is a list, but its elements must be column names of at least one character.")
    if twice := [name for name in names if names.count(name) > 1]:
        raise OptionError(f"header names a column {twice[0]!r} twice.")
