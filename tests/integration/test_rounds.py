"""A job as a cluster runs it: a round of slots with one container each, then the next round or the result."""

from __future__ import annotations

import errno
import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.jobs import Scripts, run_in_process

MINE = """
def process(block, context):
    return block.assign(twice=block["a"] * 2)
"""
LATE = "a,b\n" + "".join(f"{n},x\n" for n in range(300)) + "1.5,y\n"
ENDLESS = """
def process(block, context):
    while True:
        pass
"""


def ready(directory: Path, code: str = MINE, text: str = LATE) -> tuple[Scripts, Path]:
    (directory / "mine.py").write_text(code)
    source = directory / "data.csv"
    source.write_text(text)
    return Scripts(directory), source


def split(scripts: Scripts, source: Path) -> dict[str, Any]:
    processor = scripts.directory / "mine.py"
    chosen = ("--processor", str(processor), "--chunks", "3", "--workers", "1")
    return scripts.split(source, *chosen, "--durable", "--plan").answer


def container(scripts: Scripts, number: int, slot: int, name: str = "task", *more: str) -> Any:
    chosen = ("--round", str(number), "--slot", str(slot), "--attempt", f"{name}{number}x{slot}")
    return scripts.process(*chosen, *more)


def collect(scripts: Scripts) -> dict[str, Any]:
    return scripts.collect("--plan").answer


def test_rounds_result_equals_a_single_machine_run(tmp_path: Path) -> None:
    # A value that no sample contains, so the schema must be widened, which takes another round.
    rows = [f"{n},some text\n" for n in range(400_000)]
    rows[250_007] = "1.5,some text\n"
    scripts, source = ready(tmp_path, text="a,b\n" + "".join(rows))
    first = split(scripts, source)
    assert first["round"] == {"number": 1, "generation": 1, "chunks": [1, 2, 3]}

    rounds = 0
    answer: dict[str, Any] = {"round": first["round"]}
    while answer["round"] is not None:
        rounds += 1
        for slot in range(1, len(answer["round"]["chunks"]) + 1):
            assert container(scripts, answer["round"]["number"], slot).answer["status"] in ("done", "misfit")
        answer = collect(scripts)

    alone = run_in_process(tmp_path, source, processor=str(tmp_path / "mine.py"))
    assert (scripts.output / "result.csv").read_bytes() == alone.data
    assert rounds > 1
    assert not list((scripts.job / "logs").iterdir())


def test_second_round_has_only_missing_chunks(tmp_path: Path) -> None:
    scripts, source = ready(tmp_path)
    split(scripts, source)
    container(scripts, 1, 2)

    answer = split(scripts, source)

    assert answer["round"] == {"number": 2, "generation": 1, "chunks": [1, 3]}
    assert container(scripts, 2, 2).answer["chunk"] == 3


def test_two_containers_of_a_slot_commit_one_partial(tmp_path: Path) -> None:
    scripts, source = ready(tmp_path)
    split(scripts, source)

    for name in ("first", "second"):
        for slot in (1, 2, 3):
            assert container(scripts, 1, slot, name).answer["status"] == "done"
    collect(scripts)

    attempts = json.loads((scripts.output / "job.json").read_text())["attempts"]
    assert [(a["chunk"], a["attempt"], a["counts"]) for a in attempts] == [(n, f"first1x{n}", True) for n in (1, 2, 3)]


def test_attempts_seen_only_by_the_engine_are_reported(tmp_path: Path) -> None:
    scripts, source = ready(tmp_path)
    split(scripts, source)
    lost = {
        "chunk": 2, "attempt": "gone", "board": "board7", "started": 1.0, "ended": 2.0, "exit": 137, "message": "x",
    }  # fmt: skip
    counted = lost | {"attempt": "task1x2", "placed": 1.5}
    unseen = lost | {"attempt": "unseen", "chunk": 3, "placed": None}
    (scripts.job / "tasks-0001.json").write_text(json.dumps({"tasks": [lost, counted, unseen]}))
    for slot in (1, 2, 3):
        container(scripts, 1, slot)
    collect(scripts)

    attempts = json.loads((scripts.output / "job.json").read_text())["attempts"]
    assert [(a["attempt"], a["status"], a["exit"], a["counts"]) for a in attempts] == [
        ("task1x1", "done", 0, True),
        ("gone", "lost", 137, False),
        ("task1x2", "done", 0, True),
        ("unseen", "lost", 137, False),
        ("task1x3", "done", 0, True),
    ]
    assert [(a["queued"], a["launched"]) for a in attempts] == [(None, None), (1, 1), (1, 1.5), (1, 2), (None, None)]
    assert [a["started"] for a in attempts if a["status"] == "lost"] == [1, 2]


def test_attempt_stops_at_its_time_limit(tmp_path: Path) -> None:
    scripts, source = ready(tmp_path, ENDLESS)
    split(scripts, source)

    ended = container(scripts, 1, 1, "task", "--limit", "2")

    assert ended.code == -14, ended
    assert not list((scripts.job / "receipts").iterdir())


def test_log_of_a_failed_attempt_is_kept(tmp_path: Path) -> None:
    scripts, source = ready(tmp_path)
    split(scripts, source)
    source.unlink()

    ended = container(scripts, 1, 3)

    [log] = (scripts.job / "logs").iterdir()
    assert log.name == "0001-000003-task1x3.log"
    assert log.read_text() == ended.error
    assert str(source) in ended.error


def test_attempt_exits_with_the_errno(tmp_path: Path) -> None:
    """On a full share, an attempt can leave nothing else."""
    scripts, source = ready(tmp_path)
    split(scripts, source)
    small = Scripts(tmp_path, ("prlimit", "--fsize=0"))
    source_moved = source.rename(tmp_path / "moved.csv")

    assert container(scripts, 1, 3).code == errno.ENOENT
    source_moved.rename(source)
    assert container(small, 1, 3).code == errno.EFBIG
    # An error of the job is not a system error.
    assert container(scripts, 1, 4).code == 1


OTHERS_FIRST = """
import os, subprocess, sys

if os.environ.pop("OTHERS_FIRST", ""):
    job, output = (os.environ[name] for name in ("JOB", "OUTPUT"))
    run = [sys.executable, sys.argv[0], "--job", job, "--workers", "1"]
    collect = [run[0], run[1].replace("split_processing", "collect_results"), *run[2:4], "--output", output]
    for command in (run, collect):
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)

def process(block, context):
    return block
"""


def test_attempt_after_the_job_is_done_succeeds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The data of a finished job is removed, including the chunk file that this attempt was about to read."""
    scripts, source = ready(tmp_path, OTHERS_FIRST, "a\n" + "1\n" * 100)
    packed = tmp_path / "data.csv.gz"
    packed.write_bytes(gzip.compress(source.read_bytes()))
    split(scripts, packed)
    monkeypatch.setenv("JOB", str(scripts.job))
    monkeypatch.setenv("OUTPUT", str(scripts.output))
    monkeypatch.setenv("OTHERS_FIRST", "1")

    ended = container(scripts, 1, 2)

    assert (scripts.output / "_SUCCESS").exists()
    assert not list((scripts.job / "chunks").iterdir())
    assert ended.answer["status"] == "done"
    assert not ended.error
    assert not [path for path in (scripts.job / "attempts").iterdir() if path.suffix != ".json"]


def test_unknown_slot_is_rejected(tmp_path: Path) -> None:
    scripts, source = ready(tmp_path)
    split(scripts, source)

    assert container(scripts, 1, 4).line == "round 1 has slots 1 to 3, no slot 4."
    assert container(scripts, 9, 1).line == "job job has no round 9."
