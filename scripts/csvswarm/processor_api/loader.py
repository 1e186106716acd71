"""Finds and loads a processor's file."""

from __future__ import annotations

import hashlib
import linecache
import os
import re
import sys
import traceback
from functools import cache
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import TYPE_CHECKING

from csvswarm.errors import OptionError, ProcessorError
from csvswarm.job.side_files import SideFiles
from csvswarm.packages.environment import Packages, deactivate
from csvswarm.processor_api.declarations import NO_USER_CODE, declarations, require_declared
from csvswarm.processor_api.deferred import deferrable, deferred
from csvswarm.processor_api.polars_frame import require_polars
from csvswarm.processor_api.processor import Processor
from csvswarm.processor_api.side_modules import provide_modules, withdraw_modules

if TYPE_CHECKING:
    from csvswarm.job.directory import JobDirectory
    from csvswarm.job.manifest import Manifest


_CLONE = Path(__file__).resolve().parents[3] / "files" / "processors"
#: In a clone and in an image; else in the installed package.
BUILT_IN = _CLONE if _CLONE.is_dir() else Path(__file__).resolve().parents[1] / "built_in_processors"


def find_processor(name: str) -> Path:
    """Return the file of a processor, given the name of a built-in one or a path. Raises OptionError."""
    built_in = sorted(path.stem for path in BUILT_IN.glob("*.py"))
    if re.fullmatch(r"[A-Za-z0-9_-]+", name) and name in built_in:
        return BUILT_IN / f"{name}.py"
    path = Path(name).expanduser()
    if path.is_file():
        return path
    raise OptionError(
        f"processor {name!r} is unknown: pass a built-in one ({', '.join(built_in)}) or the path of a Python file."
    )


def load_processor(
    path: Path,
    files: SideFiles | None = None,
    packages: Packages | None = None,
    *,
    name: str | None = None,
    shown: Path | None = None,
    defer: bool = False,
) -> Processor:
    """Load a processor file. shown: the path for messages, if `path` is a job's copy.

    defer: run a user's file only when one of its functions is called, if its text shows what it defines: its imports
    take longer than the rest of a small job.

    files, packages: the side files and packages of its job. A built-in processor imports none of them: it runs in the
    driver of a job on boards, which runs no user code. Of a user's processor, a process with NO_USER_CODE in its
    environment reads only the declarations.

    Raises ProcessorError if it cannot be read, is not Python, fails to load or must not run here, and OptionError for
    files or packages that it cannot use.
    """
    shown = shown or path
    name = name or shown.stem
    source, code = _compiled(path, shown)
    module = ModuleType(f"csvswarm_processor_{re.sub(r'[^A-Za-z0-9_]', '_', name)}")
    module.__file__ = str(shown)
    text = source.decode("utf-8", errors="replace")
    linecache.cache[str(shown)] = (len(text), None, text.splitlines(keepends=True), str(shown))
    sys.modules[module.__name__] = module
    files, packages = files or SideFiles(), packages or Packages()
    withdraw_modules()
    deactivate()
    if _is_built_in(source):
        if packages.source:
            raise OptionError(f"requirements: processor {name} needs no packages: leave out requirements.")
        _run_module(code, module, shown)
    elif os.environ.get(NO_USER_CODE):
        if (declared := declarations(source)) is None:
            raise ProcessorError(f"processor {shown} must not run in this process.")
        vars(module).update(declared)
    else:
        packages.activate()
        provide_modules(files)
        _load_user_code(source, code, module, shown, defer=defer)
    return Processor(name, module, hashlib.sha256(source).hexdigest(), files, packages)


def _compiled(path: Path, shown: Path) -> tuple[bytes, CodeType]:
    try:
        source = path.read_bytes()
        return source, _code_of(source, shown)
    except OSError as error:
        raise ProcessorError(f"processor {shown} cannot be read: {error.strerror}.") from error
    except (SyntaxError, ValueError) as error:
        line = f" line {error.lineno}" if isinstance(error, SyntaxError) else ""
        raise ProcessorError(f"processor {shown} is not valid Python:{line}: {error}.") from error


@cache
def _code_of(source: bytes, shown: Path) -> CodeType:
    if shown.parent == BUILT_IN and (code := _cached_code(source, shown)) is not None:
        return code
    return compile(source, shown, "exec")


def _cached_code(source: bytes, path: Path) -> CodeType | None:
    """Return the code of a built-in processor as of an import, which compiles it once; None if the file differs."""
    try:
        return SourceFileLoader(path.stem, str(path)).get_code(path.stem) if path.read_bytes() == source else None
    except (OSError, ImportError):
        return None


def _load_user_code(source: bytes, code: CodeType, module: ModuleType, shown: Path, *, defer: bool) -> None:
    def run() -> None:
        _run_module(code, module, shown)
        require_declared(source, vars(module), str(shown))

    declared = deferrable(source) if defer else None
    if declared is None:
        run()
    else:
        vars(module).update(deferred(declared, module, run))
        _check_block(module, shown)


def _is_built_in(source: bytes) -> bool:
    return any(path.stat().st_size == len(source) and path.read_bytes() == source for path in BUILT_IN.glob("*.py"))


def _run_module(code: CodeType, module: ModuleType, shown: Path) -> None:
    try:
        exec(code, module.__dict__)  # noqa: S102  # a processor is the user's own code
    except (Exception, SystemExit) as error:
        line = next(
            (f.lineno for f in reversed(traceback.extract_tb(error.__traceback__)) if f.filename == str(shown)), 0
        )
        remedy = " Pass a list of its packages as -e requirements=FILE." if _is_absent(error) else ""
        raise ProcessorError(
            f"processor {shown} fails to load at line {line}: {type(error).__name__}: {error}.{remedy}"
        ) from error
    _check_block(module, shown)


def _check_block(module: ModuleType, shown: Path) -> None:
    if vars(module).get("BLOCK") == "polars":
        require_polars(shown.stem)


def _is_absent(error: BaseException) -> bool:
    """Whether a package, not a module in one, is missing."""
    return isinstance(error, ModuleNotFoundError) and "." not in (error.name or ".")


def load_job_processor(job: JobDirectory, manifest: Manifest, *, defer: bool = False) -> Processor:
    """Return the job's copy of its processor; errors name the user's file. defer: as for `load_processor`."""
    processor = load_processor(
        job.processor_path,
        SideFiles.of_job(job.files_directory, manifest),
        Packages(**manifest.packages),
        name=manifest.processor["name"],
        shown=Path(manifest.processor["source"]),
        defer=defer,
    )
    processor.use_options(dict(manifest.request["options"]))
    if processor.sha256 != manifest.processor["sha256"]:
        raise ProcessorError(f"{job.processor_path} has changed since the job was created; start a new job.")
    return processor
