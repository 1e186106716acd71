"""Split, reconcile and collect: as processes of the driver's container, or as services where a user's code runs.

The driver never runs a user's processor. Split and collect run here, which saves a container's start, with a built-in
processor, if the job's copy is identical to the file in the image, and with one that defines only `process`, whose text
is enough (csvswarm.processor_api.declarations). Other processors must be loaded, in containers of their own without the
engine's socket. The scripts that run here refuse to load them, whatever the job directory contains.
"""

from __future__ import annotations

import hashlib
import json
import signal
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import IO, Any

from csvswarm.driver import stage_process
from csvswarm.driver.engine import Engine
from csvswarm.driver.errors import JobFailed
from csvswarm.driver.request import Request
from csvswarm.driver.services import stage_service
from csvswarm.driver.status import Status
from csvswarm.driver.tasks import Task
from csvswarm.errors import printable
from csvswarm.job.durable_files import START_OVER, NotRegular, read_regular
from csvswarm.job.untrusted_files import Damaged
from csvswarm.processor_api.declarations import NO_USER_CODE, declarations
from csvswarm.runtime.progress import VARIABLE
from csvswarm.runtime.script_process import SCRIPTS

SPLIT, COLLECT = "split_dataframe.py", "collect_results.py"
BUILT_IN = SCRIPTS.parent / "files" / "processors"
_MAX_PROCESSOR_BYTES = 1 << 20
#: Maximum bytes of a process's output. A list of 100,000 chunks has 3 MB.
_MAX_ANSWER_BYTES, _MAX_ERROR_BYTES = 64 << 20, 32_768
_SERVICE_POLL = 0.3


class Stages:
    """Runs the stages of one job on this board. board: its name."""

    def __init__(self, request: Request, engine: Engine, status: Status, board: str) -> None:
        self._request = request
        self._engine = engine
        self._status = status
        self._board = board

    def split(self) -> None:
        """Split the input, unless it is already split. Raises JobFailed."""
        arguments = [word for word in self._request.split_arguments if word not in ("--plan", "--durable", "--json")]
        self._run("split", [SPLIT, "--durable", "--json", *arguments])

    def reconcile(self, *, fresh: bool) -> dict[str, Any]:
        """Return what must run next: see csvswarm.driver.reconcile. Raises JobFailed with the error of a chunk."""
        command = ["-m", "csvswarm.driver.reconcile", str(self._request.job_directory)]
        answer: dict[str, Any] = json.loads(self._process("reconcile", [*command, *["--fresh"] * fresh]))
        return answer

    def collect(self) -> None:
        """Collect the result. Raises JobFailed."""
        arguments = [word for word in self._request.collect_arguments if word not in ("--plan", "--json")]
        self._run("collect", [COLLECT, "--json", *arguments])

    def record_failure(self, error: str) -> None:
        """Write the record of a failed job, for its report. An error in this does not replace the job's error."""
        request = self._request
        command = ["-m", "csvswarm.driver.record_failure", str(request.job_directory), str(request.output)]
        with suppress(JobFailed, OSError):
            self._process("record", [*command, f"--error={printable(error)}"])

    def _run(self, stage: str, command: Sequence[str]) -> None:
        if self._request.is_built_in:
            self._require_built_in()
        elif not self._is_declared():
            self._service(stage, command)
            return
        self._process(stage, command)

    def _is_declared(self) -> bool:
        """Return whether the text of the user's processor is all that split and collect need."""
        try:
            return declarations(read_regular(Path(self._request.processor), _MAX_PROCESSOR_BYTES)) is not None
        except (OSError, NotRegular):  # reported where it is loaded
            return False

    def _require_built_in(self) -> None:
        """Refuse a job directory in which another job of that name left code that this process would run."""
        own = BUILT_IN / f"{self._request.processor}.py"
        copy = self._request.job_directory / "processor.py"
        if own.parent != BUILT_IN or not own.is_file():
            raise JobFailed(f"processor {self._request.processor!r} is not in the image of the job.")
        try:
            found = read_regular(copy, _MAX_PROCESSOR_BYTES)
        except FileNotFoundError:
            return
        except NotRegular as error:
            raise Damaged(f"{copy.name} is {error.strerror}") from error
        if hashlib.sha256(found).digest() != hashlib.sha256(own.read_bytes()).digest():
            raise JobFailed(
                f"job {self._request.job} was made with another processor, or another version of it: start a new job."
            )

    # -- in this container ---------------------------------------------------------------------------------------------

    def _process(self, stage: str, command: Sequence[str]) -> bytes:
        """Run one of the scripts; return its output. Raises JobFailed with its message."""
        with (
            tempfile.NamedTemporaryFile() as answer,
            tempfile.NamedTemporaryFile() as errors,
            tempfile.TemporaryDirectory() as directory,
        ):
            shown = Path(directory, "status.json")
            environment = {VARIABLE: str(shown), NO_USER_CODE: "1"}
            process = stage_process.start(command, SCRIPTS, environment, Path(answer.name), Path(errors.name))
            try:
                code = self._wait(process, shown)
            finally:
                process.kill()
                process.join()
            if code == 0:
                return answer.read(_MAX_ANSWER_BYTES)
            raise self._failure(stage, code, _tail(errors.file))

    def _wait(self, process: BaseProcess, shown: Path) -> int:
        """Return the exit code of a script. shown: its status file, whose progress becomes that of the job."""
        while True:
            process.join(1.0)
            if process.exitcode is not None:
                return process.exitcode
            with suppress(OSError, ValueError, KeyError):
                self._status.show_progress(json.loads(shown.read_text(encoding="ascii")))
            self._status.renew()

    # -- in a container of its own -------------------------------------------------------------------------------------

    def _service(self, stage: str, command: Sequence[str]) -> None:
        memory = self._request.layout.room(self._board)
        service = stage_service(self._request, stage, command, node=self._engine.this_node(), memory=memory)
        name = service["name"]
        self._engine.remove(name)  # of an earlier driver, which may have run on another board
        self._engine.create(service)
        try:
            task = self._await(name)
            if task.exit == 0:
                return
            code = task.exit if task.exit is not None and task.exit < 128 else -signal.SIGKILL
            text = task.message if task.exit is None else self._engine.log(name)
            raise self._failure(stage, 1 if task.exit is None else code, text)
        finally:
            self._engine.remove(name)

    def _await(self, name: str) -> Task:
        """Return the ended task of a service of one replica."""
        while True:
            tasks = [Task.from_json(task, {}, 0, [0]) for task in self._engine.tasks(name)]
            if ended := [task for task in tasks if task.ended is not None]:
                return ended[-1]
            self._status.renew()
            time.sleep(_SERVICE_POLL)

    def _failure(self, stage: str, code: int, text: str) -> JobFailed:
        if code == -signal.SIGKILL:
            room = round(self._request.layout.room(self._board) / 1e6)
            work = {"split": "splits the input", "collect": "collects the partials"}.get(stage, "reads the receipts")
            return JobFailed(
                f"{self._board} killed the process that {work}, most likely because it ran out of memory: that board "
                f"can give it {room} MB. Use a processor with smaller partials, or a manager with more memory.",
                hint="resume",
            )
        message = printable(text).strip()
        if code != 1:
            message = f"{stage} ended with code {code}, please report this: {message or 'it printed nothing'}"
        return JobFailed(message or f"{stage} failed without a message.", hint=_hint(stage, message))


#: Phrases of messages that name their remedy themselves.
_START_OVER = ("start a new job", "run a new job", START_OVER)
_RESUME = ("same job_id", "this job_id", "rerun with job_id", "wait until it ends", "reprocessed")


def _hint(stage: str, message: str) -> str | None:
    """Return the hint after a failed stage. An error of the split is not stored; one of a chunk would repeat."""
    if any(words in message for words in _START_OVER):
        return None
    if any(words in message for words in _RESUME):
        return "resume"
    return None if stage == "split" else "new_job"


def _tail(file: IO[bytes]) -> str:
    size = file.seek(0, 2)
    file.seek(max(0, size - _MAX_ERROR_BYTES))
    return file.read().decode(errors="replace")
