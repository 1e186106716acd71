"""Runs the scripts of a job one after the other, as run_job.yml does on one machine.

Each runs in a process of its own, so the imports, output and crashes of a processor stay there. They are forked from
this one, which imports the modules of the next stage while one runs: started on their own, they would take longer to
import than to process a small file.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from importlib import import_module
from multiprocessing import get_context
from multiprocessing.context import ForkProcess
from pathlib import Path
from typing import Any, NamedTuple

from csvswarm import cli, errors
from csvswarm.errors import CsvswarmError, OptionError
from csvswarm.local.commands import remedy
from csvswarm.runtime.script_process import INTERRUPTED, SCRIPTS, run_script

USAGE = 2
"""Exit code of a script for wrong arguments."""
#: Seconds that a script may take to end after Ctrl-C.
_GRACE = 10


class StageFailed(Exception):
    """Internal: a script has ended without success.

    code: its exit code. error: what it reports, None for a bug. report: path of the report of the failed job, if any.
    The text of the exception is the output of the script, unless it was printed live.
    """

    def __init__(self, code: int, error: CsvswarmError | None, printed: str) -> None:
        super().__init__(printed)
        self.code, self.error = code, error
        self.report: str | None = None


class LocalJob(NamedTuple):
    """A job on this machine.

    directory: its job directory. output: where the result goes. commands: those that repeat and resume it, for its
    report.
    """

    directory: Path
    output: Path
    commands: Mapping[str, str]

    def run(self, split_arguments: Sequence[str], workers: str, processor: str) -> dict[str, Any]:
        """Split, process, collect and report. Returns summaries by stage. Raises StageFailed and KeyboardInterrupt.

        processor: the one in the arguments of the split, as passed.
        """
        job, output = f"--job={self.directory}", f"--output={self.output}"
        import_module("split_dataframe")  # most of whose modules the next stages need as well
        later = deque(_preparations(processor))
        split = _run("split_dataframe.py", job, output, f"--workers={workers}", *split_arguments, later=later)
        try:
            process = _run("split_processing.py", job, f"--workers={workers}", live=True, later=later)
            collect = _run("collect_results.py", job, output, live=True, later=later)
        except StageFailed as failure:
            if failure.error is not None:
                failure.report = self._report(job, f"--error={failure.error}", f"--remedy={remedy(self.commands)}")
            raise
        return {"split": split, "process": process, "collect": collect, "report": self._report(job, output)}

    def _report(self, *arguments: str) -> str | None:
        """Return the path of the report. A report that cannot be written does not fail the job."""
        try:
            path = _run("report_job.py", f"--commands={json.dumps(self.commands)}", *arguments)["report"]
        except StageFailed:
            return None
        return None if path is None else str(path)


def _preparations(processor: str) -> Iterator[Callable[[], object]]:
    """Yield what imports the modules of the next stages, or finds out what each of them would, in order of need."""
    yield partial(import_module, "split_processing")
    yield lambda: import_module("csvswarm.native.library").kernel()
    yield lambda: import_module("csvswarm.job.fingerprint").versions()
    yield partial(_prepare_processor, processor)
    yield partial(import_module, "collect_results")
    yield partial(import_module, "report_job")
    yield partial(import_module, "csvswarm.report.data")
    yield lambda: import_module("csvswarm.report.render").page_template()


def _prepare_processor(name: str) -> None:
    loader = import_module("csvswarm.processor_api.loader")
    with suppress(CsvswarmError, OSError):  # which the split reports
        path = loader.find_processor(name)
        if path.parent == loader.BUILT_IN:
            if loader.load_processor(path).uses_arrow:
                import_module("csvswarm.runtime.lazy_imports").import_arrow()
        elif path.suffix == ".py" and b"BLOCK" not in path.read_bytes():  # most likely for DataFrames
            import_module("csvswarm.processor_api.dataframe")


def _run(
    script: str, *arguments: str, live: bool = False, later: deque[Callable[[], object]] | None = None
) -> dict[str, Any]:
    """Run a script and return its summary.

    live: let it print, instead of keeping its output to the end. later: called one after the other, and removed, as
    long as the script runs.
    """
    with tempfile.TemporaryDirectory(prefix="csvswarm-") as name:
        answer, output, error_file = (Path(name, file) for file in ("answer.json", "output.txt", "error.json"))
        answer.touch()
        output.touch()
        command = [str(SCRIPTS / script), "--json", *arguments]
        sys.stdout.flush()
        sys.stderr.flush()
        process = get_context("fork").Process(
            target=_in_process, args=(command, answer, None if live else output, error_file)
        )
        process.start()
        try:
            while later and process.is_alive():
                later.popleft()()
            process.join()
        except KeyboardInterrupt:
            _interrupt(process)
            raise
        code, printed = process.exitcode or 0, output.read_text(errors="replace")
        if code == INTERRUPTED:
            raise KeyboardInterrupt
        if code:
            raise StageFailed(code, _error_of(code, error_file, printed), "" if code == USAGE else printed)
        print(printed, end="", file=sys.stderr)
        summary: dict[str, Any] = json.loads(answer.read_text())
        return summary


def _in_process(command: list[str], answer: Path, output: Path | None, error_file: Path) -> None:
    os.environ[cli.ERROR_FILE] = str(error_file)
    run_script(command, answer, output)


def _interrupt(process: ForkProcess) -> None:
    """End a script as Ctrl-C does; on a terminal, it already got the signal, and a second one would disturb its end."""
    process.join(1)
    if process.exitcode is None and process.pid is not None:
        os.kill(process.pid, signal.SIGINT)
        process.join(_GRACE)
        process.kill()
        process.join()


def _error_of(code: int, error_file: Path, printed: str) -> CsvswarmError | None:
    """Return the error of a script, None for a bug."""
    return OptionError(printed.strip().rpartition("error: ")[2]) if code == USAGE else read_error(error_file)


def read_error(path: Path) -> CsvswarmError | None:
    """Return the error in a file that `cli.report_error` wrote, None without one."""
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    kind = getattr(errors, found["kind"], CsvswarmError)
    error: CsvswarmError = kind(found["message"])
    return error


def name_job(job_id: str | None, *, incremental: bool = False) -> str:
    """Return the name of a job; without one, a new name generated from the current time. Raises OptionError."""
    if job_id:
        return job_id
    if incremental:
        raise OptionError("incremental needs a job_id, by which later runs find the job.")
    return f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{os.urandom(3).hex()}"
