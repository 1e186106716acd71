r"""Rewrite text of an unusual dialect as plain CSV, so that everything after it reads one grammar.

Comments, delimiters of several bytes, runs of blanks, escape characters and trailing delimiters are removed here, in
one pass from the start of the file: record boundaries stay exact. Whether a field was quoted is kept, because it
decides whether NA is a missing value.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from csvswarm.csv_format.record_scan import MAX_RECORD_BYTES
from csvswarm.errors import InputError

#: The name of the delimiter that is any run of blanks and tabs.
WHITESPACE = "whitespace"
_LINE_END = re.compile("\r\n|\n|\r")
_LAST_END = re.compile(r"(?:\r\n|\n|\r)\Z")
_BLANKS = re.compile("[ \t]+")
#: Meaning of a letter after a backslash in files of MySQL and PostgreSQL; any other character stands for itself.
_LETTERS = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "v": "\v", "0": "\0", "Z": "\x1a"}
#: A field, and whether it was quoted.
Field = tuple[str, bool]


class Rules(NamedTuple):
    """The format of the text to rewrite, and that of the rewritten text.

    delimiter: one character, or WHITESPACE. quotechar, escape: one character or "". comment: prefix of lines that
    are not records, or "". comment_width: if the comment was detected, the number of fields of a record: a line with
    that many may be a record. skip_lines: lines before the first record. trailing: number of fields of a record whose
    last delimiter is dropped, 0 for none. out_delimiter, out_quote: of the rewritten text. width: number of fields of a
    record. columns: for each column to write, the index of its field, -1 for a missing value; empty for all fields in
    order. added: the value of an additional last column.
    """

    delimiter: str
    quotechar: str
    escape: str = ""
    comment: str = ""
    comment_width: int = 0
    skip_lines: int = 0
    trailing: int = 0
    out_delimiter: str = ","
    out_quote: str = '"'
    width: int = 0
    columns: tuple[int, ...] = ()
    added: str | None = None

    @property
    def keeps_fields(self) -> bool:
        """Whether records are copied unchanged."""
        is_same = not self.escape and self.delimiter == self.out_delimiter and self.quotechar in ("", self.out_quote)
        return is_same and not self.columns and (self.quotechar == self.out_quote or self.added is None)


class Normalizer:
    """Rewrites text piece by piece; every record ends with LF. null_values: words for a missing value."""

    def __init__(self, rules: Rules, null_values: Iterable[str]) -> None:
        self._rules = rules
        nulls = list(null_values)
        special = (rules.out_delimiter, rules.out_quote, "\n", "\r")
        self._null = next((null for null in nulls if null and not any(char in null for char in special)), "")
        self._special_nulls = {null for null in nulls if any(char in null for char in special)}
        self._special = re.compile(f"[{''.join(map(re.escape, special))}]")
        self._field = _field_pattern(rules)
        self._rest = ""
        self._skip = rules.skip_lines
        self._records = 0
        self._added = ""
        if rules.added is not None:
            self._added = rules.out_delimiter + self._text(rules.added, rules.added in nulls)

    def feed(self, text: str, *, final: bool = False) -> str:
        """Take the next piece; return the records that end in it. Raises InputError for a quote that never closes."""
        buffer = self._rest + text
        written: list[str] = []
        position = 0
        while (step := self._next(buffer, position, final)) is not None:
            record, position = step
            if record:
                written.append(record)
        self._rest = buffer[position:]
        if len(self._rest) > MAX_RECORD_BYTES:
            raise InputError(
                f"record {self._records} is longer than {MAX_RECORD_BYTES >> 20} MB. If it opens a quote that is never "
                "closed, close it, or pass -e quotechar= when quotes mean nothing in this file."
            )
        return "".join(written)

    def records(self, text: str, complete: bool, most: int) -> list[list[str]]:
        """Return the values of the first records of a text; those before a quote that is never closed."""
        rows: list[list[str]] = []
        position = 0
        try:
            while len(rows) < most and (step := self._read(text, position, complete)) is not None:
                fields, _, position = step
                if fields:
                    rows.append([value for value, _ in fields])
        except InputError:
            pass
        return rows

    def _next(self, buffer: str, position: int, final: bool) -> tuple[str, int] | None:
        """Return (a record or "", the position after it); None when the buffer ends before that."""
        step = self._read(buffer, position, final)
        if step is None:
            return None
        fields, raw, after = step
        return self._written(fields, raw) if fields else "", after

    def _read(self, buffer: str, position: int, final: bool) -> tuple[list[Field], str, int] | None:
        """Return (fields, text, position after it) of the next line or record; no fields if it is not a record."""
        rules = self._rules
        line_end = _LINE_END.search(buffer, position)
        if line_end is None:
            line, end = buffer[position:], len(buffer)
        else:
            line, end = buffer[position : line_end.start()], line_end.end()
        is_cut = line_end is None or (line_end[0] == "\r" and end == len(buffer))
        if position == len(buffer) or (is_cut and not final):
            return None
        if self._is_no_record(line):
            return [], line, end
        after = end
        if (rules.quotechar and rules.quotechar in line) or (rules.escape and rules.escape in line):
            parsed = self._parse(buffer, position, final)
            if parsed is None:
                return None
            fields, after = parsed
        else:
            fields = [(field, False) for field in self._split(line)]
        self._records += 1
        raw = line if after == end else _LAST_END.sub("", buffer[position:after])
        return fields, raw, after

    def _is_no_record(self, line: str) -> bool:
        """Whether a line outside of any record is left out."""
        rules = self._rules
        if self._skip:
            self._skip -= 1
            return True
        if rules.comment and line.startswith(rules.comment):
            self._check_comment(line)
            return True
        return not line or (rules.delimiter == WHITESPACE and not line.strip(" \t"))

    def _check_comment(self, line: str) -> None:
        rules = self._rules
        if rules.comment_width and len(self._split(line)) == rules.comment_width:
            raise InputError(
                f"the line after record {max(self._records - 1, 0)} starts with {rules.comment!r} as comments do, but "
                f"has {rules.comment_width} fields as records do: pass -e 'comment={rules.comment}' if it is a "
                "comment, -e comment= if it is a record."
            )

    def _split(self, line: str) -> list[str]:
        delimiter = self._rules.delimiter
        return _BLANKS.split(line.strip(" \t")) if delimiter == WHITESPACE else line.split(delimiter)

    def _parse(self, buffer: str, position: int, final: bool) -> tuple[list[Field], int] | None:
        """Return (fields of the record at a position, start of the next one); None if the record does not end."""
        fields: list[Field] = []
        if self._rules.delimiter == WHITESPACE:
            blanks = _BLANKS.match(buffer, position)
            position = blanks.end() if blanks else position
        while True:
            found = self._field.match(buffer, position)
            if found is None or (found.end() == len(buffer) and not final):
                if final:
                    raise InputError(
                        f"record {self._records} opens a quote that is never closed: the file ends inside it. Close "
                        "the quote, or pass -e quotechar= when quotes mean nothing in this file."
                    )
                return None
            quoted, rest, bare, end = found.groups()
            position = found.end()
            if quoted is not None:
                fields.append((self._unescaped(quoted, in_quotes=True) + self._unescaped(rest), True))
            else:
                fields.append(self._bare(bare))
            if not end or end[-1] in "\r\n":
                return fields, position

    def _bare(self, text: str) -> Field:
        escape = self._rules.escape
        if escape and text == f"{escape}N":
            return "", False
        value = self._unescaped(text)
        # An escaped field is a value, even if it reads like a missing one.
        return value, bool(escape) and escape in text

    def _unescaped(self, text: str, *, in_quotes: bool = False) -> str:
        quote, escape = self._rules.quotechar, self._rules.escape
        if escape and escape in text:
            parts = re.split(re.escape(escape) + r"([\s\S])", text)
            letters = _LETTERS if escape == "\\" else {}
            parts[1::2] = [letters.get(part, part) for part in parts[1::2]]
            if in_quotes:
                parts[0::2] = [part.replace(quote * 2, quote) for part in parts[0::2]]
            return "".join(parts)
        return text.replace(quote * 2, quote) if in_quotes else text

    def _written(self, fields: list[Field], raw: str) -> str:
        rules = self._rules
        extra = rules.trailing and len(fields) == rules.trailing + 1 and fields[-1] == ("", False)
        if rules.keeps_fields:
            return f"{raw[:-1] if extra else raw}{self._added}\n"
        texts = [self._text(*field) for field in self._arranged(fields[:-1] if extra else fields)]
        if texts == [""]:  # a blank line is not a record
            texts = [self._null or rules.out_quote * 2]
        return f"{rules.out_delimiter.join(texts)}{self._added}\n"

    def _arranged(self, fields: list[Field]) -> list[Field]:
        """Return the fields of the columns to write. A record with a wrong number of fields stays wrong."""
        rules = self._rules
        if not rules.columns:
            return fields
        if len(fields) != rules.width:
            return fields + [("", False)] * (len(rules.columns) - rules.width)
        return [fields[index] if index >= 0 else ("", False) for index in rules.columns]

    def _text(self, value: str, quoted: bool) -> str:
        quote = self._rules.out_quote
        if not quoted and (not value or not self._special.search(value)):
            return value
        if not quoted and value in self._special_nulls:
            return ""
        return f"{quote}{value.replace(quote, quote * 2)}{quote}"


def _field_pattern(rules: Rules) -> re.Pattern[str]:
    """Return the pattern of a field with what ends it: groups quoted, rest, bare, end."""
    is_blanks = rules.delimiter == WHITESPACE
    delimiter = " \t" if is_blanks else re.escape(rules.delimiter)
    escape, quote = re.escape(rules.escape), re.escape(rules.quotechar)
    escaped = rf"|{escape}(?:[\s\S]|\Z)" if escape else ""
    bare = rf"(?:[^{delimiter}\r\n{escape}]++{escaped})*+"
    end = r"[ \t]*+(?:\r\n|\n|\r|\Z)|[ \t]++" if is_blanks else rf"{delimiter}|\r\n|\n|\r|\Z"
    if not quote:
        return re.compile(rf"(?:(?!)()()|({bare}))({end})")
    inside = rf"(?:[^{quote}{escape}]++|{quote}{quote}{escaped})*+"
    return re.compile(rf"(?:{quote}({inside}){quote}({bare})|(?!{quote})({bare}))({end})")


def normalized(pieces: Iterable[str], rules: Rules, null_values: Iterable[str]) -> Iterator[str]:
    """Yield text rewritten by rules, piece by piece."""
    normalizer = Normalizer(rules, null_values)
    for piece in pieces:
        yield normalizer.feed(piece)
    yield normalizer.feed("", final=True)


def first_records(text: str, rules: Rules, *, complete: bool, most: int) -> list[list[str]]:
    """Return the values of the first records, at most `most`; of an incomplete text, only those that certainly end."""
    return Normalizer(rules, ()).records(text, complete, most)
