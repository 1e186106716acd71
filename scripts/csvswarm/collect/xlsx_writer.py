"""Writes a result as an Excel workbook, and reads such a file back."""

from __future__ import annotations

import datetime as dt
import re
import tempfile
import warnings
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from csvswarm.collect.format_writers import Report, counted
from csvswarm.collect.result_layout import Layout
from csvswarm.errors import JobError, OptionError, shown
from csvswarm.job.result_format import check_size
from csvswarm.runtime.lazy_imports import pa

SHEET = "result"
MAX_TEXT = 32_767
#: Excel shows and computes with 15 digits: a longer integer, possibly an id, is written as text.
MAX_INTEGER = 10**15
#: The oldest date that Excel counts correctly: it has a February 29 in 1900.
FIRST_MONTH = (1900, 3)
#: Fixed times in ZIP entries and in Excel's properties.
EPOCH = (1980, 1, 1, 0, 0, 0)
_TIMES = re.compile(rb"(<dcterms:(created|modified)[^>]*>)[^<]*(</)")


class XlsxWriter:
    """Appends rows to the only sheet of a workbook."""

    def __init__(self, sheet: Any, layout: Layout) -> None:
        from openpyxl.cell import WriteOnlyCell

        self._sheet, self._columns = sheet, layout.columns
        self._cell: Callable[..., Any] = WriteOnlyCell
        self._rows = 0
        sheet.append([self._text(column.name, column.name) for column in layout.columns])

    def write(self, table: pa.Table) -> None:
        """Append the rows of a table. Raises OptionError if a value, or one more row, does not fit into a sheet."""
        check_size("xlsx", self._rows + table.num_rows, len(self._columns))
        convert: dict[str, Callable[[Any, str], Any]] = {
            "int": self._integer,
            "float": self._float,
            "timestamp": self._time,
            "text": self._text,
        }
        columns = []
        for index, column in enumerate(self._columns):
            values, to_cell = table.column(index).to_pylist(), convert.get(column.kind)
            if to_cell is not None:
                values = [None if value is None else to_cell(value, column.name) for value in values]
            columns.append(values)
        for row in zip(*columns, strict=True):
            self._rows += 1
            self._sheet.append(row)

    def _integer(self, value: int, _: str) -> Any:
        return value if -MAX_INTEGER < value < MAX_INTEGER else self._text(str(value), "")

    def _float(self, value: float, _: str) -> Any:
        if value in (float("inf"), float("-inf")):
            return self._text(str(value), "")
        return value if float(f"{value:.16g}") == value else self._number(repr(value))

    def _number(self, text: str) -> Any:
        """Return a number with all its digits: openpyxl writes 16, but some floats need 17."""
        cell = self._cell(self._sheet, text)
        cell.data_type = "n"
        return cell

    def _time(self, value: dt.datetime, column: str) -> Any:
        if (value.year, value.month) >= FIRST_MONTH and not value.microsecond:
            return value
        return self._text(str(value).rstrip("0").rstrip(".") if value.microsecond else str(value), column)

    def _text(self, value: str, column: str) -> Any:
        from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

        if len(value) > MAX_TEXT or ILLEGAL_CHARACTERS_RE.search(value):
            what = f"more than {MAX_TEXT:,} characters" if len(value) > MAX_TEXT else "a control character"
            raise OptionError(
                f"the value {shown(value)!r} of column {column!r} has {what}, which a cell of xlsx cannot have: pass "
                "another output_format than xlsx (with the same job_id, finished work is kept)."
            )
        if value[:1] not in ("=", "#"):
            return value
        cell = self._cell(self._sheet, value)
        cell.data_type = "s"  # never a formula, whatever its first character
        return cell


@contextmanager
def xlsx_writer(path: Path, layout: Layout) -> Iterator[XlsxWriter]:
    """Yield a writer of a workbook. Its rows are in a temporary file of the same directory until the end."""
    try:
        from openpyxl import Workbook
    except ImportError:
        raise JobError("output_format xlsx needs the package openpyxl: run make setup, then resume the job.") from None
    with tempfile.TemporaryDirectory(prefix=f"{path.name}.", dir=path.parent) as name, _temporary_directory(name):
        book = Workbook(write_only=True)
        sheet = book.create_sheet(SHEET)
        try:
            yield XlsxWriter(sheet, layout)
        except BaseException:
            sheet.close()
            raise
        raw = Path(name) / "book.xlsx"
        book.save(raw)
        _without_times(raw, path)


@contextmanager
def _temporary_directory(name: str) -> Iterator[None]:
    """Make openpyxl use a directory for its temporary files: /tmp of a container has little room."""
    before, tempfile.tempdir = tempfile.tempdir, name
    try:
        yield
    finally:
        tempfile.tempdir = before


def _without_times(source: Path, target: Path) -> None:
    """Copy a workbook without the times at which it was written."""
    with zipfile.ZipFile(source) as book, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as copy:
        for name in sorted(book.namelist()):
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o600 << 16
            entry.file_size = book.getinfo(name).file_size  # decides whether it needs the format of 64 bits
            with book.open(name) as file, copy.open(entry, "w") as part:
                if name == "docProps/core.xml":
                    part.write(_TIMES.sub(rb"\g<1>1980-01-01T00:00:00Z\g<3>", file.read()))
                    continue
                while piece := file.read(1 << 20):
                    part.write(piece)


def xlsx_rows(path: Path, report: Report) -> int:
    """Return the number of rows of a workbook, without the header, all of which are read.

    report: called with rows as they are read.
    """
    from openpyxl import load_workbook

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with path.open("rb") as file, closing(load_workbook(file, read_only=True)) as book:
            return counted(book[SHEET].iter_rows(values_only=True), report) - 1
