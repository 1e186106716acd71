"""The cost of bad records: files with a share of bad records, processed with on_error=quarantine."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.data import SEED
from bench.measure import Measured, run
from bench.questions import MAP
from bench.tools import JOBS, OURS

SHARES = (0.0, 0.001, 0.025, 0.2)
TIMEOUT = 600.0


@dataclass(frozen=True)
class Kind:
    """A kind of bad records. field: index of the changed column, and its new value, None to drop the field."""

    title: str
    processor: str
    options: Mapping[str, Any]
    value: str | None
    column_types: dict[str, str]


KINDS = (
    Kind("a field is missing", "transform", MAP.options, None, {}),
    Kind("a value does not fit its type", "transform", MAP.options, "many", {"quantity": "int"}),
    Kind("a processor in pandas fails", "bench/processors/convert.py", {}, "many", {"quantity": "text"}),
)
FIELD = 4  # quantity


def write_bad(source: Path, target: Path, share: float, value: str | None) -> int:
    """Copy a file without line ends in fields, with a share of bad records; return their number."""
    chance = random.Random(SEED)
    bad = 0
    with source.open(encoding="utf-8", newline="") as lines, target.open("w", encoding="utf-8", newline="") as copy:
        copy.write(next(lines))
        for line in lines:
            if chance.random() >= share:
                copy.write(line)
                continue
            bad += 1
            fields = line.split(",", FIELD + 1)  # no field up to this one is quoted
            copy.write(",".join([*fields[:FIELD], *([] if value is None else [value]), fields[FIELD + 1]]))
    return bad


def measure(source: Path, directory: Path) -> list[dict[str, Any]]:
    """Return title, share, bad (records) and seconds (of the process stage) for all kinds and shares.

    Raises RuntimeError when a job fails, or rejects other records than the bad ones.
    """
    rows = []
    for kind in KINDS:
        for share in SHARES:
            shutil.rmtree(directory, ignore_errors=True)
            directory.mkdir(parents=True)
            bad = write_bad(source, directory / "bad.csv", share, kind.value)
            done = run(_commands(kind, directory), {}, TIMEOUT)
            _check(done, directory, bad)
            print(f"  {kind.title:42}{share:8.1%}{done.steps[1]:8.2f} s", flush=True)
            rows.append({"title": kind.title, "share": share, "bad": bad, "seconds": done.steps[1]})
    shutil.rmtree(directory)
    return rows


def _commands(kind: Kind, directory: Path) -> list[list[str]]:
    python, job = str(OURS / "python"), f"--job={directory / 'job'}"
    split = [
        f"--input={directory / 'bad.csv'}",
        f"--processor={kind.processor}",
        f"--options={json.dumps(kind.options)}",
    ]
    split += ["--on-error=quarantine", f"--column-types={json.dumps(kind.column_types)}", f"--workers={JOBS}"]
    return [
        [python, "scripts/split_dataframe.py", job, *split],
        [python, "scripts/split_processing.py", job, f"--workers={JOBS}"],
        [python, "scripts/collect_results.py", job, f"--output={directory / 'out'}"],
    ]


def _check(done: Measured, directory: Path, bad: int) -> None:
    if done.code:
        raise RuntimeError(done.message)
    rejected = json.loads((directory / "out/job.json").read_text())["rejected"]
    if rejected != bad:
        raise RuntimeError(f"{rejected} records were rejected, but {bad} are bad")


def table(rows: list[dict[str, Any]]) -> str:
    """Return the figures as a table in Markdown: seconds, times the clean run, and milliseconds a bad record."""
    lines = ["| the process stage, s | none bad | 0.1 % | 2.5 % | 20 % |", "| --- | ---: | ---: | ---: | ---: |"]
    for kind in KINDS:
        clean, *others = [row for row in rows if row["title"] == kind.title]
        cells = [f"{clean['seconds']:.2f}"]
        for row in others:
            each = 1000 * (row["seconds"] - clean["seconds"]) / max(1, row["bad"])
            cells.append(f"{row['seconds']:.2f} ({row['seconds'] / clean['seconds']:.1f}x, {each:.2f} ms a record)")
        lines.append(f"| {kind.title} | {' | '.join(cells)} |")
    return "### Bad records, with on_error=quarantine\n\n" + "\n".join(lines)
