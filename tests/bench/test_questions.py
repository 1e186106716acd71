"""The questions of the benchmark: csvswarm answers each, and pandas gives the same answer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bench.answers import difference
from bench.peer import pandas as ask_pandas
from bench.question import Question
from bench.questions import QUESTIONS, parameters
from bench.report import markdown
from tests.support.jobs import ROOT, run_in_process

ROWS = 300


def write_file(kind: str, path: Path) -> None:
    """Write a small file with the columns of a kind of file; bench.data needs Polars for the large ones."""
    chance = np.random.default_rng(1)
    gaps: Any = pd.array(chance.integers(-20, 200, ROWS), "Int64")
    gaps[::17] = pd.NA
    number = np.arange(ROWS)
    frames: dict[str, dict[str, Any]] = {
        "main": {"id": number, "time": "2024-01-31 10:00:00", "category": number % 7, "price": gaps * 0.5,
                 "quantity": number * 7 % 1000, "latitude": number / 9, "note": "Plain, Text"},
        "flights": {"month": number % 12, "day": number % 28, "dep_delay": gaps, "arr_delay": gaps * 3,
                    "carrier": number % 5, "flight": number, "tailnum": number % 50, "origin": "JFK", "dest": "D1",
                    "air_time": gaps, "distance": number, "hour": number % 24, "time_hour": "2013-01-01 05:00:00"},
        "text": {"id": number, "author": number % 9, "tag": number % 4, "score": number / 7, "body": "a river\nwinter"},
        "wide": {"key": number % 3, **{f"c{column}": number * column % 1000 for column in range(500)}},
        "narrow": {"k": number % 100, "v": number / 3},
        "hostile": {"id": number, "quantity": number % 100, "note": 'a "quoted" word'},
    }  # fmt: skip
    frame = pd.DataFrame(frames[kind])
    for name in ("category", "carrier", "tailnum", "author", "tag", "key"):
        if name in frame:
            frame[name] = f"{name} " + frame[name].astype(str).str.zfill(2)
    if "tailnum" in frame:
        frame.loc[::29, "tailnum"] = None
    frame.to_csv(path, index=False)


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.name)
def test_pandas_gives_the_answer_of_csvswarm(tmp_path: Path, question: Question) -> None:
    question = question.with_parameters(parameters(7))
    assert "$" not in json.dumps([question.polars, question.duckdb, question.pandas, question.options])
    assert question.pandas is not None
    source = tmp_path / "data.csv"
    write_file(question.file.kind, source)
    options = dict(question.options)

    (tmp_path / "ours.csv").write_bytes(
        run_in_process(
            tmp_path / "job",
            source,
            processor=question.processor,
            options=options,
            files=[ROOT / name for name in question.files],
        ).data
    )
    ask_pandas(str(source), str(tmp_path / "theirs.csv"), question.pandas)

    ours, theirs = tmp_path / "ours.csv", tmp_path / "theirs.csv"
    assert difference(ours, theirs, question.compared, shape_only=question.is_random) == ""


def test_parameters_come_from_the_seed() -> None:
    assert parameters(3) == parameters(3)
    assert parameters(3) != parameters(4)


def test_report_has_ratios_to_the_fastest_equal_answer() -> None:
    def row(tool: str, seconds: float, verdict: str = "equal", detail: str = "") -> dict[str, Any]:
        run = {"seconds": seconds, "cpu_seconds": 2 * seconds, "peak_process": 50e6}
        return {"tool": tool, "verdict": verdict, "detail": detail, "runs": [run]}

    text = markdown(
        {
            "bytes": 10**8, "seed": 7, "date": "2024-01-31", "seconds": 60, "versions": {"csvswarm": "abc"},
            "machine": {"cpu": "a CPU", "cores": 2, "memory_gb": 8, "kernel": "6.1", "load_at_start": 0.1},
            "questions": {
                "one": [row("csvswarm", 1.0), row("Polars", 2.0), row("DuckDB", 0.5, "different", "1 row")],
                "two": [row("csvswarm", 2.0), row("Polars", 1.0)],
            },
            "bad_records": [
                {"title": kind, "share": share, "bad": 10, "seconds": 1.0}
                for kind in ("a field is missing", "a value does not fit its type", "a processor in pandas fails")
                for share in (0.0, 0.001, 0.025, 0.2)
            ],
        }
    )  # fmt: skip

    assert "| one | 1.00 / 2.00 | 2.00 / 4.00 | 0.50 / 1.00* | 0.50 | 0.50 | 50 |" in text
    assert "| two | 2.00 / 4.00 | 1.00 / 2.00 |  | 2.00 | 2.00 | 50 |" in text
    assert "wall to the fastest peer: geometric mean 1.00 of 2 questions, worst 2.00 (two)." in text
    assert "- one, DuckDB: different: 1 row" in text
