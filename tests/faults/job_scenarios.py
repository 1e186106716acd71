"""The jobs for schedules of faults: small inputs that cover every data path in csvswarm."""

from __future__ import annotations

import fcntl
import gzip
import json
import random
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

from csvswarm.collect.run import collect
from csvswarm.errors import CsvswarmError
from csvswarm.job.directory import JobDirectory
from csvswarm.process.run import process_all
from csvswarm.split.run import Request, split

CARRIERS = ("AA", "B6", "DL", "EV", "MQ", "UA", "US", "WN")
NOTES = ("", "on time", '"late, again"', '"two\nlines"', '"says ""hello"""', "NA", "007", "é")

MAP = """
def process(block, context):
    return block.assign(total=block["x"] * 2 + block["id"])[["id", "carrier", "total", "y"]]
"""
COMBINE = """
import pandas as pd

def process(block, context):
    return block.groupby("carrier", as_index=False).agg(rows=("id", "size"), x=("x", "sum"))

def combine(partials, context):
    return pd.concat(partials).groupby("carrier", as_index=False).sum().sort_values("carrier").reset_index(drop=True)
"""
OVERLAP = """
def overlap(context):
    return 3

def process(block, context):
    return block.assign(recent=block["x"].rolling(4, min_periods=1).max())[["id", "recent"]].iloc[context.overlap :]
"""
#: Integers in all chunks but the last, so the kind of the column depends on the whole result.
KINDS = """
def process(block, context):
    late = block["id"] > 2_000
    return block[["id"]].assign(value=block["id"] + late * 0.5 if late.any() else block["id"])
"""
#: Has different results for numbers and text.
TWICE = """
def process(block, context):
    return block.assign(twice=block["x"] + block["x"])[["id", "x", "twice"]]
"""
#: Fails on the records of one carrier, which quarantine rejects.
PICKY = """
def process(block, context):
    if (block["x"] == 13).any():
        raise ValueError("thirteen")
    return block[["id", "x"]]
"""
TOTALS = '{"assign": {"total": "x * 2 + id"}, "where": "x > 20"}'
DISTINCT = '{"by": ["carrier", "note"], "keep": "last"}'
STEPS = (
    f'{{"steps": [{{"processor": "transform", "options": {TOTALS}}}, '
    '{"processor": "sort", "options": {"by": ["total"]}}]}'
)
EUROPEAN = {"delimiter": ";", "decimal": ",", "comment": "#"}
GROUPS = '{"group_by": ["carrier", "note"], "metrics": {"x": ["sum", "median"], "y": ["mean", "std"]}}'


def rows(count: int, bad: Callable[[int], str | None] = lambda _: None, first_x: int = 0) -> bytes:
    """Return a CSV of `count` records; bad(number) gives a record in place of a usual one."""
    random_of = random.Random(count)
    lines = ["id,carrier,x,y,note"]
    for number in range(1, count + 1):
        usual = (
            f"{number},{random_of.choice(CARRIERS)},{random_of.randrange(first_x, 1000)},"
            f"{random_of.gauss(0, 100)!r},{random_of.choice(NOTES)}"
        )
        lines.append(bad(number) or usual)
    return ("\n".join(lines) + "\n").encode()


def _ragged(number: int) -> str | None:
    return {700: f"{number},AA,1", 1300: f"{number},AA,1,2,b\0d", 2300: f"{number},AA,1,2,3,4"}.get(number)


def _thirteen(number: int) -> str | None:
    return f"{number},AA,13,1.5,unlucky" if number in (150, 1501) else None


def _gap(number: int) -> str | None:
    return f"{number},AA,,1.5,a gap" if number == LATE else None


def _word(number: int) -> str | None:
    return f"{number},AA,many,1.5,a word" if number == LATE else None


#: Far from the start of a block, outside of all samples: reading this record widens the schema.
LATE_ROWS = 40_000
LATE = 39_900


@dataclass(frozen=True)
class Scenario:
    """A job: its input, its options, and its number of chunks.

    own: the source of a user's processor, instead of the built-in one `processor`. fails: whether the data must make
    the job fail with one message. layout: options for the input's layout.
    """

    name: str
    data: Callable[[], bytes]
    chunks: int = 5
    mode: str = "ranges"
    processor: str = "transform"
    own: str = ""
    options: str = ""
    on_error: str = "fail"
    packed: bool = False
    fails: bool = False
    layout: Mapping[str, str] = field(default_factory=dict)


def _usual() -> bytes:
    return rows(2_500)


def _european() -> bytes:
    """Return records with a decimal comma, and comments between them."""
    lines = ["id;carrier;x;y"]
    for number in range(2_500):
        lines += ["# a comment"] * (number % 50 == 0)
        lines.append(f"{number};{CARRIERS[number % 8]};{number % 97};{number % 89 - 44},{number % 7}5")
    return ("\n".join(lines) + "\n").encode()


SCENARIOS = (
    Scenario("transform as it is", _usual, chunks=6),
    Scenario("transform, chunk files", _usual, mode="files", options=TOTALS),
    Scenario("aggregate", _usual, processor="aggregate", options=GROUPS),
    Scenario("aggregate, chunk files", _usual, chunks=4, mode="files", processor="aggregate", options=GROUPS),
    Scenario("statistics", _usual, chunks=4, processor="statistics"),
    Scenario("statistics, chunk files", _usual, mode="files", processor="statistics"),
    Scenario("own map", _usual, chunks=8, own=MAP),
    Scenario("own combine, chunk files", _usual, mode="files", own=COMBINE),
    Scenario("own overlap, chunk files", _usual, mode="files", own=OVERLAP),
    Scenario("own kinds", _usual, own=KINDS),
    Scenario("quarantine", lambda: rows(2_500, _ragged), on_error="quarantine"),
    Scenario(
        "quarantine, own map, chunk files",
        lambda: rows(2_500, _thirteen, first_x=14),
        mode="files",
        own=PICKY,
        on_error="quarantine",
    ),
    Scenario("bad record", lambda: rows(2_500, _ragged), fails=True),
    Scenario("bad record, chunk files", lambda: rows(2_500, _ragged), mode="files", own=MAP, fails=True),
    Scenario("compressed", _usual, mode="files", processor="aggregate", options=GROUPS, packed=True),
    Scenario("compressed, transform", _usual, mode="files", packed=True),
    Scenario("late gap", lambda: rows(LATE_ROWS, _gap), options='{"assign": {"total": "x * 2"}}'),
    Scenario("late text, chunk files", lambda: rows(LATE_ROWS, _word), mode="files", own=TWICE),
    Scenario("late text, aggregate", lambda: rows(LATE_ROWS, _word), processor="aggregate",
             options='{"group_by": "x", "metrics": {"id": "max"}}'),
    Scenario("sort", _usual, processor="sort", options='{"by": ["x", "note"], "ascending": [false, true]}'),
    Scenario("top of groups", _usual, processor="top", options='{"by": ["y"], "n": 3, "group_by": ["carrier"]}'),
    Scenario("distinct, compressed", _usual, mode="files", processor="distinct", options=DISTINCT, packed=True),
    Scenario("profile", _usual, chunks=4, processor="profile"),
    Scenario("steps", _usual, processor="steps", options=STEPS),
    Scenario("rewritten", _european, mode="files", options=TOTALS, layout=EUROPEAN),
    Scenario("rewritten, aggregate", _european, chunks=4, mode="files", processor="aggregate",
             options='{"group_by": ["carrier"], "metrics": {"y": ["mean", "p90"]}}', layout=EUROPEAN),
)  # fmt: skip


@dataclass(frozen=True)
class Prepared:
    """A scenario with its input on disk, the job after each step, and the outcome of a run without faults.

    result and rejected: the bytes of the files, None where there must be none. message: that of a failing job.
    """

    scenario: Scenario
    directory: Path
    result: bytes | None
    rejected: bytes | None
    message: str

    @property
    def source(self) -> Path:
        return self.directory / ("data.csv.gz" if self.scenario.packed else "data.csv")

    @property
    def processor(self) -> str:
        return str(self.directory / "own.py") if self.scenario.own else self.scenario.processor

    def arguments(self) -> list[str]:
        """Return the arguments of split_dataframe.py."""
        scenario = self.scenario
        given = {
            "--input": str(self.source),
            "--processor": self.processor,
            "--options": scenario.options,
            "--chunks": str(scenario.chunks),
            "--workers": "1",
            "--mode": scenario.mode,
            "--on-error": scenario.on_error,
            **{f"--{name}": value for name, value in scenario.layout.items()},
        }
        return [part for name, value in given.items() if value for part in (name, value)]

    def job_after(self, step: str) -> Path:
        """Return the job directory after the step "split" or "process"."""
        return self.directory / step / "job"


def prepare(scenario: Scenario, shared: Path) -> Prepared:
    """Return a scenario prepared below `shared`, once for all processes of a test run."""
    directory = shared / scenario.name.replace(",", "").replace(" ", "-")
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        if not (directory / "ready").exists():
            _make(scenario, directory)
            (directory / "ready").touch()
    expected = {
        name: path.read_bytes() if (path := directory / "reference" / name).exists() else None
        for name in ("result.csv", "rejected.csv", "message")
    }
    message = (expected["message"] or b"").decode()
    return Prepared(scenario, directory, expected["result.csv"], expected["rejected.csv"], message)


def _make(scenario: Scenario, directory: Path) -> None:
    prepared = Prepared(scenario, directory, None, None, "")
    data = scenario.data()
    prepared.source.write_bytes(gzip.compress(data, mtime=0) if scenario.packed else data)
    if scenario.own:
        (directory / "own.py").write_text(scenario.own)
    with mock.patch("os.fsync"), mock.patch("os.fdatasync"):
        _reference(prepared)
        after_split, after_process = JobDirectory(prepared.job_after("split")), prepared.job_after("process")
        split(after_split, _request(prepared, scenario.chunks, scenario.mode))
        shutil.copytree(after_split.directory, after_process)
        if not scenario.fails:
            process_all(JobDirectory(after_process), 1)


def _reference(prepared: Prepared) -> None:
    """Run the job in one chunk, without faults, and keep the outcome."""
    job, output = JobDirectory(prepared.directory / "whole"), prepared.directory / "reference"
    output.mkdir()
    split(job, _request(prepared, 1, "files" if prepared.scenario.packed or prepared.scenario.layout else "ranges"))
    try:
        process_all(job, 1)
    except CsvswarmError as error:
        if not prepared.scenario.fails:
            raise
        (output / "message").write_text(str(error))
        return
    collect(job, output)


def _request(prepared: Prepared, chunks: int, mode: str) -> Request:
    scenario = prepared.scenario
    return Request(
        input=prepared.source,
        processor=prepared.processor,
        options=json.loads(scenario.options or "{}"),
        chunks=chunks,
        workers=1,
        on_error=scenario.on_error,
        mode=mode,
        decimal=scenario.layout.get("decimal"),
        delimiter=scenario.layout.get("delimiter"),
        comment=scenario.layout.get("comment"),
    )
