"""Split, reconcile and collect as processes of the driver."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from csvswarm.driver import stages as stages_module
from csvswarm.driver.engine import Engine
from csvswarm.driver.errors import JobFailed
from csvswarm.driver.job_files import JobFiles
from csvswarm.driver.stages import Stages
from csvswarm.driver.status import Status
from csvswarm.job.untrusted_files import Damaged

from tests.driver.job_requests import request_of
from tests.support.jobs import Scripts

Make = Callable[..., Stages]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Stages of a job over a file of 24 records, with some arguments of the split changed."""
    source, job, output = tmp_path / "data.csv", tmp_path / "job", tmp_path / "out"
    source.write_text("a,b\n" + "".join(f"{n},{n % 7}\n" for n in range(24)))
    for directory in (job, output):
        directory.mkdir()
    with closing(Engine(str(tmp_path / "no-engine"))) as engine:

        def stages(*arguments: str, processor: str = "statistics", processor_source: str | None = None) -> Stages:
            split = [f"--job={job}", f"--input={source}", f"--processor={processor}", "--chunks=3", *arguments]
            request = request_of(
                job_directory=str(job),
                output=str(output),
                processor=processor,
                processor_source=processor_source,
                split_arguments=[*split, "--plan"],
                collect_arguments=[f"--job={job}", f"--output={output}", "--plan"],
            )
            return Stages(request, engine, Status(output, "job", "s", "board1"), "board1")

        yield stages


def test_whole_job_without_an_engine(make: Make, tmp_path: Path) -> None:
    stages, files = make(), JobFiles(tmp_path / "job")

    stages.split()
    state = stages.reconcile(fresh=True)
    assert (state["generation"], state["pending"], state["done"]) == (1, [1, 2, 3], [])
    assert sum(rows for _, rows in state["chunks"]) == 24

    files.write_round(1, 1, state["pending"])
    for slot in (1, 2, 3):
        Scripts(tmp_path).process("--round", "1", "--slot", str(slot), "--attempt", f"t{slot}")
    assert stages.reconcile(fresh=False)["pending"] == []
    stages.collect()

    assert (tmp_path / "out/_SUCCESS").is_file()
    assert Scripts(tmp_path).collect().code == 0


def replace_scripts(folder: Path, monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """Replace the scripts by one with this code, indented, in its function `main`."""
    (folder / "replaced.py").write_text(f"def main():{code}")
    monkeypatch.syspath_prepend(folder)
    for name in ("SPLIT", "COLLECT"):
        monkeypatch.setattr(stages_module, name, "replaced.py")


def test_status_has_the_progress_of_a_script(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a split that has read 3 of 9 MB, and runs until its progress is in the driver's status."""
    seen = tmp_path / "out/.status.json"
    code = f"""
    import json, os, pathlib, time
    shown = {{"bytes": {{"total": 9_000_000, "done": 3_000_000}}, "rows_per_second": 7, "seconds_left": 4.5}}
    pathlib.Path(os.environ["CSVSWARM_STATUS"]).write_text(json.dumps(shown))
    seen, limit = pathlib.Path({str(seen)!r}), time.monotonic() + 60
    while not seen.exists() or "3000000" not in seen.read_text():
        assert time.monotonic() < limit, "the status has no progress"
        time.sleep(0.05)
    return 0
"""
    replace_scripts(tmp_path, monkeypatch, code)

    make().split()

    status = json.loads(seen.read_text())
    assert status["bytes"] == {"total": 9_000_000, "done": 3_000_000}
    assert (status["rows_per_second"], status["seconds_left"]) == (7, 4.5)


def test_script_messages_equal_those_of_one_machine(make: Make) -> None:
    stages = make("--column-types={")

    with pytest.raises(JobFailed, match=r"^column_types is not valid JSON") as failed:
        stages.split()
    assert failed.value.hint is None


def test_collecting_too_early_fails_with_a_remedy(make: Make) -> None:
    stages = make()
    stages.split()

    with pytest.raises(JobFailed, match="3 of 3 chunks have no partial"):
        stages.collect()


def test_error_of_a_chunk_would_repeat(make: Make, tmp_path: Path) -> None:
    stages, files = make(), JobFiles(tmp_path / "job")
    (tmp_path / "data.csv").write_text("a,b\n" + "1,2,3\n" * 24)
    stages.split()
    files.write_round(1, 1, [1])
    Scripts(tmp_path).process("--round", "1", "--slot", "1", "--attempt", "t1")

    with pytest.raises(JobFailed, match="record 1: 3 fields") as failed:
        stages.reconcile(fresh=False)
    assert failed.value.hint == "new_job"
    # The user restarts the job: the chunk gets another try.
    assert stages.reconcile(fresh=True)["pending"] == [1, 2, 3]


@pytest.mark.parametrize("stage", ["split", "collect"])
def test_code_left_by_an_earlier_job_is_not_run(make: Make, tmp_path: Path, stage: str) -> None:
    stages = make()
    stages.split()
    canary = tmp_path / "canary"
    (tmp_path / "job/processor.py").write_text(f"open({str(canary)!r}, 'w')\n")

    with pytest.raises(JobFailed, match="was made with another processor"):
        getattr(stages, stage)()
    assert not canary.exists()


def test_processor_that_declares_only_process_is_not_run_here(make: Make, tmp_path: Path) -> None:
    """Without an engine, only processes of the driver can have split and collected."""
    mine, canary = tmp_path / "mine.py", tmp_path / "canary"
    mine.write_text(
        f"X = open({str(canary)!r}, 'w')\nOVERLAP = 1\n\n"
        "def process(block, context):\n    return block.assign(c=block.a + block.b.shift())[context.overlap :]\n"
    )
    stages, files = make(processor=str(mine), processor_source=str(mine)), JobFiles(tmp_path / "job")

    stages.split()
    files.write_round(1, 1, [1, 2, 3])
    assert not canary.exists()
    for slot in (1, 2, 3):
        Scripts(tmp_path).process("--round", "1", "--slot", str(slot), "--attempt", f"t{slot}")
    assert canary.exists()
    canary.unlink()
    stages.collect()

    rows = [f"{n},{n % 7},{float(n + (n - 1) % 7) if n else ''}" for n in range(24)]
    assert (tmp_path / "out/result.csv").read_text().splitlines() == ["a,b,c", *rows]
    assert not canary.exists()


def test_processor_with_other_functions_runs_in_a_container(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, canary = tmp_path / "mine.py", tmp_path / "canary"
    mine.write_text(
        f"open({str(canary)!r}, 'w')\n\n\ndef process(block, context):\n    return block\n\n\n"
        "def combine(partials, context):\n    return partials[0]\n"
    )
    stages, services = make(processor=str(mine), processor_source=str(mine)), []
    monkeypatch.setattr(Stages, "_service", lambda _, stage, *command: services.append((stage, command[0][0])))

    stages.split()
    stages.collect()

    assert services == [("split", "split_dataframe.py"), ("collect", "collect_results.py")]
    assert not canary.exists()


def test_code_put_in_place_of_a_declared_processor_is_not_run(make: Make, tmp_path: Path) -> None:
    mine, canary = tmp_path / "mine.py", tmp_path / "canary"
    mine.write_text("def process(block, context):\n    return block\n")
    stages = make("--chunks=1", processor=str(mine), processor_source=str(mine))
    stages.split()
    JobFiles(tmp_path / "job").write_round(1, 1, [1])
    Scripts(tmp_path).process("--round", "1", "--slot", "1", "--attempt", "t1")
    (tmp_path / "job/processor.py").write_text(f"open({str(canary)!r}, 'w')\n{mine.read_text()}")

    with pytest.raises(JobFailed, match="must not run in this process"):
        stages.collect()
    assert not canary.exists()


def test_pipe_in_place_of_the_processor_is_not_waited_for(make: Make, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "job/processor.py")

    with pytest.raises(Damaged, match=r"^processor\.py is not a regular file$"):
        make().split()


@pytest.mark.parametrize("name", ["mine", "../../../tmp/mine", "/etc/passwd"])
def test_custom_processor_is_refused(make: Make, name: str) -> None:
    with pytest.raises(JobFailed, match="is not in the image of the job"):
        make(processor=name).split()


@pytest.mark.parametrize(("stage", "work"), [("split", "splits the input"), ("collect", "collects the partials")])
def test_killed_stage_names_the_board_and_its_memory(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: str, work: str
) -> None:
    """As the kernel ends it when memory runs out."""
    replace_scripts(tmp_path, monkeypatch, "\n    import os, signal\n    os.kill(os.getpid(), signal.SIGKILL)\n")

    with pytest.raises(JobFailed) as failed:
        getattr(make(), stage)()

    assert f"board1 killed the process that {work}, most likely because it ran out of memory" in str(failed.value)
    assert "that board can give it 850 MB" in str(failed.value)
    assert failed.value.hint == "resume"
