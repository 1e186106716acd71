"""Recognizes content other than CSV, so that it is refused with a remedy instead of being misread as a CSV."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

#: First bytes of other kinds of files, what the files are, and what to do.
SIGNATURES = (
    (b"PK\x03\x04", "a zip archive or a spreadsheet (.xlsx, .ods): unpack it, or save the sheet as CSV"),
    (b"PK\x05\x06", "an empty zip archive"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Office document (.xls, .doc): save the sheet as CSV"),
    (b"PAR1", "a compressed Parquet file: unpack it first"),
    (b"ARROW1", "an Arrow file: convert it to CSV first"),
    (b"FEA1", "a Feather file: convert it to CSV first"),
    (b"Obj\x01", "an Avro file: convert it to CSV first"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file: export the table as CSV first"),
    (b"SQLite format 3\0", "an SQLite database: export the table as CSV first"),
    (b"%PDF", "a PDF document: export its table as CSV first"),
    (b"{\\rtf", "an RTF document: save its table as CSV first"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"GIF8", "a picture"),
    (b"\x7fELF", "a program"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive: unpack it first"),
    (b"Rar!\x1a\x07", "a RAR archive: unpack it first"),
    (b"\x80\x04\x95", "a Python pickle: save the data as CSV first"),
)
_ORC = rb"(?s)ORC.{0,16}?[\x00-\x08]"  # a CSV may begin with these letters as well
_TAR_MAGIC, _TAR_OFFSET = b"ustar", 257
#: Number of lines that decide, and the share of them that must have the same form.
LINES, SHARE = 50, 0.8

_TIME = r"\d{2}:\d{2}:\d{2}(?:[.,]\d+)?"
_LEVEL = "(?:TRACE|DEBUG|INFO|NOTICE|WARNING|WARN|ERROR|CRITICAL|FATAL)"
_LOG_LINES = (
    # 2024-01-31 12:00:00,123 [worker] INFO text
    rf"\[?\d{{4}}[-/]\d{{2}}[-/]\d{{2}}[ T]{_TIME}(?:Z|[+-]\d{{2}}:?\d{{2}})?\]?[ \t:|-]+.{{0,60}}?\b{_LEVEL}\b",
    # INFO:logger:text and [ERROR] text
    rf"\[?{_LEVEL}\]?(?::|\s*-\s|\s{{1,2}}\S+\s)",
    # 127.0.0.1 - - [31/Jan/2024:12:00:00 +0000] "GET / HTTP/1.1" 200 1
    r'\S+ \S+ \S+ \[\d{2}/[A-Z][a-z]{2}/\d{4}:\d{2}:\d{2}:\d{2} [+-]\d{4}\] "',
    # Jan 31 12:00:00 host program[1]: text, and the same with an ISO time
    rf"(?:[A-Z][a-z]{{2}} [ \d]\d {_TIME}|\d{{4}}-\d{{2}}-\d{{2}}T{_TIME}\S*) \S+ [\w./-]+(?:\[\d+\])?: ",
)
_XML = r"(?i)<(?:\?xml\b|!doctype\b|html\b|svg\b|rss\b|table\b)"
_TAG = r"</?[A-Za-z_][\w:.-]*(?:\s[^<>]*)?/?>"


def binary_kind(head: bytes) -> str | None:
    """Return what a file is and what to do, by its first bytes; None if they may be text. head: at least 512 bytes."""
    if head[_TAR_OFFSET : _TAR_OFFSET + len(_TAR_MAGIC)] == _TAR_MAGIC:
        return "a tar archive: unpack it first"
    if re.match(_ORC, head):
        return "an ORC file: convert it to CSV first"
    for signature, kind in SIGNATURES:
        if head.startswith(signature):
            return kind
    return None


def text_kind(text: str) -> str | None:
    """Return what a text that is certainly not a CSV is, and what to do; else None. text: its beginning."""
    text = text.removeprefix("\ufeff")
    lines = [line for line in text.splitlines() if line.strip()][:LINES]
    if not lines:
        return None
    if lines[0].lstrip().startswith(("{", "[")):
        return _json_kind(lines)
    if lines[0].lstrip().startswith("<"):
        return _markup_kind(lines)
    if _is_log_line(lines[0]) and _share(lines, _is_log_line):
        return "a log: extract the fields of its lines to a CSV first"
    return None


def is_json_lines(text: str, *, named_so: bool = False) -> bool:
    """Return whether a text has one JSON object per line. named_so: by its file name, which decides for one line."""
    lines = [line for line in text.removeprefix("\ufeff").split("\n") if line.strip()][:2]
    if not lines or not lines[0].lstrip().startswith("{") or not _is_json(lines[0]):
        return False
    return lines[1].lstrip().startswith("{") if len(lines) > 1 else named_so


def _is_log_line(line: str) -> bool:
    has_parts = ":" in line or len(line.split()) > 1  # a header usually has none, and no pattern is compiled then
    return has_parts and any(re.match(pattern, line) for pattern in _LOG_LINES)


def _json_kind(lines: list[str]) -> str | None:
    first = _is_json(lines[0])
    if first and len(lines) > 1 and _is_json(lines[1]):
        return 'JSON lines without names: each line must be an object, like {"id": 1}'
    opening = lines[0].strip()
    if first or opening in ("{", "[", "[{", "[[") or re.match(r'[\[{]\s*(?:[\[{]\s*)?"[^"]*"\s*[:,]', opening):
        return "JSON: convert it to CSV first, for example with pandas: read_json(path).to_csv('data.csv', index=False)"
    return None


def _is_json(line: str) -> bool:
    try:
        return isinstance(json.loads(line), (dict, list))
    except (ValueError, RecursionError):
        return False


def _markup_kind(lines: list[str]) -> str | None:
    first = lines[0].lstrip()
    if re.match(_XML, first) or (re.match(_TAG, first) and _share(lines, lambda line: line.lstrip().startswith("<"))):
        return "XML or HTML: convert its table to CSV first, for example with pandas.read_xml or pandas.read_html"
    return None


def _share(lines: list[str], predicate: Callable[[str], bool]) -> bool:
    """Return whether the predicate is true for nearly all lines."""
    return sum(map(predicate, lines)) >= SHARE * len(lines)
