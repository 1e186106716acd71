"""Calls processors and reports their errors in terms of the user's code."""

from __future__ import annotations

import hashlib
import linecache
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

from csvswarm.errors import CsvswarmError, ProcessorError
from csvswarm.job.result_format import reads_values
from csvswarm.job.side_files import SideFiles
from csvswarm.packages.environment import Packages
from csvswarm.processor_api.context import Context
from csvswarm.processor_api.options import check_options
from csvswarm.processor_api.polars_frame import to_polars
from csvswarm.processor_api.side_modules import SideModuleLoader

if TYPE_CHECKING:
    from csvswarm.reading.rows import Rows
    from csvswarm.types.schema import Schema

#: Forms in which `process` gets a block.
BLOCKS = ("frame", "polars", "rows")
SHOWN_FRAMES = 3
#: Exceptions that do not depend on column types.
NEVER_OF_TYPES = (NameError, ImportError, NotImplementedError, RecursionError, SystemExit)


class Processor:
    """A loaded processor file. files/processors/README.md lists the names it may define."""

    def __init__(
        self, name: str, module: ModuleType, sha256: str, files: SideFiles, packages: Packages | None = None
    ) -> None:
        self.name, self.sha256, self.files = name, sha256, files
        self.packages = packages or Packages()
        self.file = str(module.__file__)
        self.module: Any = module
        if not callable(getattr(module, "process", None)) and not hasattr(module, "for_options"):
            raise ProcessorError(f"processor {name} defines no function process(block, context): it needs one.")
        self.options: dict[str, dict[str, Any]] = getattr(module, "OPTIONS", {})
        self._read_flags()

    def _read_flags(self) -> None:
        self.block: str = getattr(self.module, "BLOCK", "frame")
        if self.block not in BLOCKS:
            raise ProcessorError(
                f"processor {self.name} sets BLOCK = {self.block!r}, but it must be one of {', '.join(BLOCKS)}."
            )
        self.watches_gaps: bool = self.block == "frame" or getattr(self.module, "GAPS", False)
        self.keeps_raw: bool = getattr(self.module, "RAW", False)
        self.uses_arrow: bool = getattr(self.module, "ARROW", False)

    @property
    def is_keyed(self) -> bool:
        return self.combines and hasattr(self.module, "keys")

    @property
    def combines(self) -> bool:
        return hasattr(self.module, "combine")

    @property
    def finishes(self) -> bool:
        return hasattr(self.module, "finish")

    def check(self, given: dict[str, Any]) -> dict[str, Any]:
        """Return the checked options, and use the processor's functions for them. Raises OptionError."""
        options = check_options(given, self.options, self.name)
        self.use_options(options)
        return options

    def use_options(self, options: dict[str, Any]) -> None:
        """Replace the processor's functions by those that its `for_options`, if any, returns for checked options."""
        declared = getattr(self.module, "for_options", None)
        if declared is not None and (functions := self.call(declared, options)) is not None:
            self.module = SimpleNamespace(**{**vars(self.module), **vars(functions)})
            self._read_flags()
            if digest := getattr(functions, "DIGEST", ""):  # includes other files that it uses
                self.sha256 = hashlib.sha256(f"{self.sha256}{digest}".encode()).hexdigest()

    def columns(self, context: Context) -> list[str]:
        """Return the input columns that `process` needs, in the input's order; all columns by default."""
        declared = getattr(self.module, "columns", None)
        if declared is None:
            return list(context.names)
        wanted = list(self.call(declared, context) if callable(declared) else declared)
        context.require_columns(wanted, f"processor {self.name}")
        names = set(wanted)
        return [name for name in context.names if name in names]

    def columns_to_read(self, context: Context, request: dict[str, Any]) -> list[str]:
        """Return the input columns whose values `process` or the result's format needs, in the input's order."""
        wanted = set(self.columns(context))
        if reads_values(request):  # fields that are copied unread have no type
            wanted |= set(self.copied_columns(context))
        return [name for name in context.names if name in wanted]

    def copied_columns(self, context: Context) -> list[str]:
        """Return the columns of the result whose fields are copied from the input's columns of the same names."""
        declared = getattr(self.module, "copied_columns", None)
        return [] if declared is None else list(self.call(declared, context))

    def result_columns(self, context: Context) -> list[str] | None:
        """Return the columns of the result, None if they are unknown before processing."""
        declared = getattr(self.module, "result_columns", None)
        return None if declared is None else list(self.call(declared, context))

    def result_kinds(self, context: Context) -> dict[str, str]:
        """Return the types of columns of the result that `finish` returns as text."""
        declared = getattr(self.module, "result_kinds", None)
        return {} if declared is None else dict(self.call(declared, context))

    def keeps_rows(self, context: Context) -> bool:
        """Return whether the result is known to have one row per record."""
        declared = getattr(self.module, "keeps_rows", None)
        return declared is not None and bool(self.call(declared, context))

    def overlap(self, context: Context) -> int:
        """Return the number of preceding rows that `process` also needs."""
        declared = getattr(self.module, "OVERLAP", None) or getattr(self.module, "overlap", 0)
        rows = self.call(declared, context) if callable(declared) else declared
        if not isinstance(rows, int) or isinstance(rows, bool) or rows < 0:
            raise ProcessorError(f"processor {self.name}: the overlap is {rows!r}, but must be a number of rows.")
        return rows

    def block_of(self, rows: Rows, schema: Schema) -> Any:
        """Return rows in the form that `process` gets: as they are, or as a DataFrame of pandas or polars."""
        if self.block == "rows":
            return rows
        if self.block == "polars":
            return to_polars(rows.table, self.name)
        from csvswarm.processor_api.dataframe import to_frame  # lazy: not every processor needs pandas

        return to_frame(rows, schema)

    def needs_pandas(self, context: Context) -> bool:
        """Return whether `process` works on DataFrames, so that pandas is imported before workers are forked."""
        declared = getattr(self.module, "needs_pandas", None)
        return self.block == "frame" if declared is None else bool(self.call(declared, context))

    def numeric_columns(self, context: Context) -> list[str]:
        """Return the columns that the processor uses as numbers when they are; by default, the columns it reads."""
        declared = getattr(self.module, "numeric_columns", None)
        return self.columns(context) if declared is None else list(self.call(declared, context))

    def why_empty(self, context: Context, rows: int) -> str:
        """Return a sentence that explains a result without rows. rows: records that were processed."""
        declared = getattr(self.module, "why_empty", None)
        if declared is None:
            return f"The result has no rows: processor {self.name} returned none for {rows:,} records."
        return str(self.call(declared, context, rows))

    def keys(self, context: Context) -> list[str]:
        """Return the columns that identify the rows of a keyed partial."""
        return list(self.call("keys", context))

    def call(self, function: str | Callable[..., Any], *arguments: Any) -> Any:
        """Call a function of the processor. Raises ProcessorError with the last lines in the user's file."""
        try:
            return (getattr(self.module, function) if isinstance(function, str) else function)(*arguments)
        except (CsvswarmError, MemoryError):
            raise
        except (Exception, SystemExit) as error:
            raise ProcessorError(self._failure_message(error), final=isinstance(error, NEVER_OF_TYPES)) from error

    def _failure_message(self, error: BaseException) -> str:
        file = self.file
        lines = []
        # Not by traceback.extract_tb: it reads the files of pandas, for every record that fails.
        for frame, line in traceback.walk_tb(error.__traceback__):
            name = frame.f_code.co_filename
            if name == file or isinstance(frame.f_globals.get("__loader__"), SideModuleLoader):
                text = linecache.getline(name, line).strip()
                lines.append(f"  {Path(name).name}:{line} in {frame.f_code.co_name}: {text}")
        message = str(error).strip().splitlines()
        reason = f"{type(error).__name__}: {message[0] if message else ''}".rstrip(": ")
        return "\n".join([f"processor {self.name} failed: {reason}", *lines[-SHOWN_FRAMES:]])
