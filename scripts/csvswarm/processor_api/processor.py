"""Processors: load one, check what it declares, and call it so that its errors are told in its own terms."""

from __future__ import annotations

import hashlib
import linecache
import re
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, ModuleType
from typing import TYPE_CHECKING, Any

from .dialect import CANONICAL, Dialect
from .errors import CsvswarmError, OptionError, ProcessorError
from .options import check_options
from .schema import Schema, listed

if TYPE_CHECKING:
    from .job import Job
    from .manifest import Manifest

SHIPPED = Path(__file__).resolve().parents[2] / "files" / "processors"
SHOWN_FRAMES = 3
#: Exceptions that no other type of a column would have prevented.
NEVER_OF_TYPES = (NameError, ImportError, NotImplementedError, RecursionError, SystemExit)


@dataclass
class Context:
    """What a processor is told beside its rows.

    options: its checked options. names: all columns of the input, in order. schema: their types. dialect: that of the
    input. chunk: number of the chunk, 0 outside of one. first_record: number of the block's first own record (from 1).
    overlap: how many rows at the start of the block belong to what came before; `process` may look at them, but must
    not return anything for them. rows: how many rows there were in all, for `finish`.
    """

    options: dict[str, Any]
    names: list[str]
    schema: Schema
    dialect: Dialect = CANONICAL
    null_values: Sequence[str] = ()
    chunk: int = 0
    first_record: int = 1
    overlap: int = 0
    rows: int = field(default=0, repr=False)

    def type_of(self, column: str) -> str:
        """Return the type of an input column: text, int, float, bool, timestamp, null (all missing) or quoted."""
        return self.schema.type_of(column)

    def require(self, columns: Sequence[str], where: str) -> None:
        """Raise OptionError when one of the columns that `where` names is not in the input."""
        known = set(self.names)
        for column in columns:
            if column not in known:
                raise OptionError(f"{where} names a column {column!r}, but the file has: {listed(self.names)}.")


class Processor:
    """A loaded processor file. See files/processors/README.md for what one may define."""

    def __init__(self, name: str, module: ModuleType, sha256: str) -> None:
        self.name, self.module, self.sha256 = name, module, sha256
        if not callable(getattr(module, "process", None)):
            raise ProcessorError(f"processor {name} defines no function process(block, context): it needs one.")
        self.options: dict[str, dict[str, Any]] = getattr(module, "OPTIONS", {})
        self.wants_rows: bool = getattr(module, "BLOCK", "frame") == "rows"
        self.watches_gaps: bool = not self.wants_rows or getattr(module, "GAPS", False)
        self.keeps_raw: bool = getattr(module, "RAW", False)
        self.is_keyed: bool = hasattr(module, "keys")

    @property
    def combines(self) -> bool:
        return hasattr(self.module, "combine")

    @property
    def finishes(self) -> bool:
        return hasattr(self.module, "finish")

    def check(self, given: dict[str, Any]) -> dict[str, Any]:
        """Return the checked options. Raises OptionError."""
        return check_options(given, self.options, self.name)

    def columns(self, context: Context) -> list[str]:
        """Return the input columns `process` needs, in the input's order; all when it does not say."""
        declared = getattr(self.module, "columns", None)
        if declared is None:
            return list(context.names)
        wanted = list(self.call(declared, context) if callable(declared) else declared)
        context.require(wanted, f"processor {self.name}")
        names = set(wanted)
        return [name for name in context.names if name in names]

    def overlap(self, context: Context) -> int:
        """Return how many rows before a block `process` also wants to see."""
        declared = getattr(self.module, "OVERLAP", None) or getattr(self.module, "overlap", 0)
        rows = self.call(declared, context) if callable(declared) else declared
        if not isinstance(rows, int) or isinstance(rows, bool) or rows < 0:
            raise ProcessorError(f"processor {self.name}: the overlap is {rows!r}, but must be a number of rows.")
        return rows

    def needs_pandas(self, context: Context) -> bool:
        """Return whether `process` works on DataFrames: then pandas is better imported before there are workers."""
        declared = getattr(self.module, "needs_pandas", None)
        return not self.wants_rows if declared is None else bool(self.call(declared, context))

    def keys(self, context: Context) -> list[str]:
        """Return the columns that identify the rows of a keyed partial."""
        return list(self.call("keys", context))

    def call(self, function: str | Callable[..., Any], *arguments: Any) -> Any:
        """Call one of the processor's functions. Raises ProcessorError with the last lines in the user's file."""
        try:
            return (getattr(self.module, function) if isinstance(function, str) else function)(*arguments)
        except (CsvswarmError, MemoryError):
            raise
        except (Exception, SystemExit) as error:
            raise ProcessorError(self._told(error), final=isinstance(error, NEVER_OF_TYPES)) from error

    def _told(self, error: BaseException) -> str:
        frames = [
            frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == self.module.__file__
        ]
        lines = [f"  {Path(frame.filename).name}:{frame.lineno} in {frame.name}: {frame.line}" for frame in frames]
        text = str(error).strip().splitlines()
        reason = f"{type(error).__name__}: {text[0] if text else ''}".rstrip(": ")
        return "\n".join([f"processor {self.name} failed: {reason}", *lines[-SHOWN_FRAMES:]])


def find_processor(name: str) -> Path:
    """Return the file of a processor named as a shipped one or by its path. Raises OptionError."""
    shipped = sorted(path.stem for path in SHIPPED.glob("*.py"))
    if re.fullmatch(r"[A-Za-z0-9_-]+", name) and name in shipped:
        return SHIPPED / f"{name}.py"
    path = Path(name).expanduser()
    if path.is_file():
        return path
    raise OptionError(
        f"processor {name!r} is neither one that ships ({', '.join(shipped)}) nor the path of a Python file."
    )


def load_processor(path: Path, *, name: str | None = None, shown: Path | None = None) -> Processor:
    """Load a processor file. shown: the path its errors name, when `path` is a job's copy of it.

    Raises ProcessorError when it cannot be read, is not Python or fails while it loads.
    """
    shown = shown or path
    name = name or shown.stem
    try:
        source = path.read_bytes()
        code = compile(source, str(shown), "exec")
    except OSError as error:
        raise ProcessorError(f"processor {shown} cannot be read: {error.strerror}.") from error
    except (SyntaxError, ValueError) as error:
        place = f" line {error.lineno}" if isinstance(error, SyntaxError) else ""
        raise ProcessorError(f"processor {shown} is not valid Python:{place}: {error}.") from error
    module = ModuleType(f"csvswarm_processor_{re.sub(r'[^A-Za-z0-9_]', '_', name)}")
    module.__file__ = str(shown)
    text = source.decode("utf-8", errors="replace")
    linecache.cache[str(shown)] = (len(text), None, text.splitlines(keepends=True), str(shown))
    sys.modules[module.__name__] = module
    _execute(code, module, shown)
    return Processor(name, module, hashlib.sha256(source).hexdigest())


def _execute(code: CodeType, module: ModuleType, shown: Path) -> None:
    try:
        exec(code, module.__dict__)  # noqa: S102  # running the user's file is what a processor is
    except (Exception, SystemExit) as error:
        line = next(
            (f.lineno for f in reversed(traceback.extract_tb(error.__traceback__)) if f.filename == str(shown)), 0
        )
        raise ProcessorError(
            f"processor {shown} fails to load at line {line}: {type(error).__name__}: {error}."
        ) from error


def load_job_processor(job: Job, manifest: Manifest) -> Processor:
    """Return the processor as it was when the job was made; its errors name the user's own file."""
    processor = load_processor(
        job.processor_path, name=manifest.processor["name"], shown=Path(manifest.processor["source"])
    )
    if processor.sha256 != manifest.processor["sha256"]:
        raise ProcessorError(f"{job.processor_path} has been changed since the job was made; start a new job.")
    return processor
