"""steps: the result is that of the steps run as jobs one after the other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from csvswarm.errors import CsvswarmError
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.processors.record_tables import TYPES, RecordTable, tables
from tests.support.jobs import CUTS, SAMPLE, Result, run_in_process, run_with_all_cuts, write_csv

SAMPLE_CUTS = ((1, 1 << 20), (3, 1 << 18), (7, 1 << 16))
LATE = {"processor": "transform", "options": {"where": "arr_delay > 30", "assign": {"late": "arr_delay - 30"}}}
GAINED = {
    "processor": "transform",
    "options": {"assign": {"gained": "dep_delay - arr_delay", "dest": "dest.str.lower()"}},
}
FEW = {"processor": "transform", "options": {"columns": ["dest", "carrier", "arr_delay", "tailnum"]}}
GROUPS = {
    "processor": "aggregate",
    "options": {"group_by": ["carrier"], "metrics": {"*": "count", "arr_delay": ["sum", "p90"]}},
}
SORT = {"processor": "sort", "options": {"by": ["arr_delay", "dest"], "ascending": [False, True]}}


def run(directory: Path, source: Path, steps: list[Any], **request: Any) -> Result:
    return run_with_all_cuts(directory, source, processor="steps", options={"steps": steps}, **request)


def one_after_the_other(directory: Path, source: Path, steps: list[Any], types: dict[str, str] | None = None) -> Result:
    """Return the result of a job for each step. types: of columns, as other rows may give other types."""
    result = Result(b"")
    for number, step in enumerate(steps):
        names = source.read_text().partition("\n")[0].split(",")
        known = {name: kind for name, kind in (types or {}).items() if name in names}
        result = run_in_process(directory / str(number), source, **step, column_types=known)
        source = directory / f"{number}.csv"
        source.write_bytes(result.data)
    return result


@pytest.mark.parametrize(
    "steps",
    [
        [LATE, GROUPS],
        [LATE, SORT],
        [LATE, GAINED, FEW],
        [GAINED, FEW, SORT],
        [FEW, {"processor": "distinct", "options": {"by": ["dest", "carrier"], "keep": "last"}}],
        [LATE, {"processor": "top", "options": {"by": ["late"], "n": 2, "group_by": ["origin"]}}],
        [GAINED, {"processor": "statistics", "options": {"columns": ["gained", "arr_delay"], "window": 20}}],
        [LATE, {"processor": "statistics", "options": {"columns": ["late"], "window": 1}}],
        [FEW, LATE, {"processor": "profile", "options": {"columns": ["late", "dest"]}}],
        [GAINED, {"processor": "aggregate", "options": {"group_by": ["dest"], "metrics": {"gained": ["mean", "std"]}}}],
        [SORT],
        [GROUPS],
    ],
)
def test_steps_give_the_result_of_consecutive_jobs(tmp_path: Path, steps: list[Any]) -> None:
    together = run(tmp_path / "together", SAMPLE, steps, cuts=SAMPLE_CUTS)

    assert together == one_after_the_other(tmp_path, SAMPLE, steps)
    assert together.rows


def test_steps_match_pandas(tmp_path: Path) -> None:
    result = run(tmp_path, SAMPLE, [LATE, GROUPS], cuts=SAMPLE_CUTS)

    frame = pd.read_csv(SAMPLE, dtype={"arr_delay": "Int64"})
    groups = frame[frame["arr_delay"] > 30].groupby("carrier")["arr_delay"]
    expected = groups.agg(["size", "sum"]).reset_index()
    expected["p90"] = groups.quantile(0.9).tolist()
    assert [row[:3] for row in result.rows] == expected[["carrier", "size", "sum"]].astype(str).to_numpy().tolist()
    assert [float(row[3]) for row in result.rows] == pytest.approx(expected["p90"].astype(float).tolist())


@settings(max_examples=20)
@given(
    rows=tables,
    where=st.sampled_from(["i > 0", "f < 2 or t.isna()", "g == 'b'", "at.dt.year == 2024", "b"]),
    last=st.sampled_from(
        [
            {"processor": "sort", "options": {"by": ["f", "new", "g"]}},
            {"processor": "distinct", "options": {"by": ["new"]}},
            {"processor": "aggregate", "options": {"group_by": ["t"], "metrics": {"new": ["sum", "max"]}}},
            {"processor": "transform", "options": {"assign": {"i": "new + i", "t": "t.str.upper()"}}},
        ]
    ),
)  # fmt: skip
def test_steps_of_any_table_give_the_result_of_consecutive_jobs(
    tmp_path_factory: pytest.TempPathFactory, rows: Any, where: str, last: dict[str, Any]
) -> None:
    directory = tmp_path_factory.mktemp("steps")
    table = RecordTable.write(directory, rows)
    first = {"processor": "transform", "options": {"where": where, "assign": {"new": "i // 2"}}}

    together = run(directory / "together", table.path, [first, last], cuts=CUTS, column_types=dict(TYPES))

    assert together == one_after_the_other(directory, table.path, [first, last], {**TYPES, "new": "int"})


def test_new_text_that_reads_as_missing_stays_text(tmp_path: Path) -> None:
    """Steps pass values, not text: nothing between them is parsed."""
    source = write_csv(tmp_path / "data.csv", ["t", "n"], [["a", 1], ["b", 2]])
    steps = [
        {"processor": "transform", "options": {"assign": {"na": "'NA'", "dash": "'-'", "code": "'007'"}}},
        {"processor": "aggregate", "options": {"group_by": ["na", "dash", "code"], "metrics": {"*": "count"}}},
    ]

    assert run(tmp_path, source, steps, null_values=["-"]).data == b'na,dash,code,count\n"NA",-,007,2\n'


def test_decimal_comma_reaches_all_steps(tmp_path: Path) -> None:
    source = tmp_path / "data.csv"
    source.write_text("g;x\na;1,5\nb;2,5\na;1,25\n")
    steps = [
        {"processor": "transform", "options": {"assign": {"y": "x * 2"}}},
        {"processor": "aggregate", "options": {"group_by": ["g"], "metrics": {"x": "sum", "y": "sum"}}},
    ]

    assert run(tmp_path, source, steps).data == b"g,x_sum,y_sum\na,2.75,5.5\nb,2.5,5.0\n"


def test_sample_and_transform_are_row_wise(tmp_path: Path) -> None:
    half = {"processor": "sample", "options": {"fraction": 0.5}}

    together = run(tmp_path / "together", SAMPLE, [half, LATE], cuts=SAMPLE_CUTS)

    assert together == one_after_the_other(tmp_path, SAMPLE, [half, LATE])
    three = {"processor": "sample", "options": {"n": 3}}
    assert len(run(tmp_path / "three", SAMPLE, [LATE, three], cuts=SAMPLE_CUTS).rows) == 3


def test_bad_records_are_rejected_once(tmp_path: Path) -> None:
    source = tmp_path / "data.csv"
    source.write_text("a,b\n1,x\n2\n3,y\n")
    steps = [{"processor": "transform", "options": {"where": "a > 0"}}, {"processor": "sort", "options": {"by": "b"}}]

    result = run(tmp_path, source, steps, on_error="quarantine", max_rejected="100%")

    assert result.data == b"a,b\n1,x\n3,y\n"
    assert [row[0] for row in result.rejects] == ["2"]


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ([], "option 'steps' is an empty list: pass at least one step."),
        (["sort"], "an element of option 'steps' of processor steps is 'sort', but must be of type dict."),
        ([{"options": {}}], "step 1 is {'options': {}}, but must have a processor and may have options, like {"),
        ([FEW, {"processor": "sorted"}], "step 2 has the processor 'sorted', but steps are built-in processors: "),
        ([{"processor": "./mine.py"}], "step 1 has the processor './mine.py', but steps are built-in processors: "),
        ([{"processor": "sort", "options": 5}], "the options of step 1 (sort) are 5, but must be a dictionary."),
        ([{"processor": "sort"}], "step 1: processor sort needs the option 'by' (columns to sort by)"),
        ([SORT, FEW], "step 1 (sort) needs all rows before it returns any, so it can only be the last step"),
        (
            [FEW, {"processor": "sort", "options": {"by": ["hour"]}}],
            "step 2 (sort): option 'by' of sort names a column 'hour', but the file has: dest, carrier,",
        ),
        (
            [{"processor": "transform", "options": {"assign": {"x": "carrier + 1"}}}, SORT],
            "step 1 (transform): assign 'x': ",
        ),
        (
            [LATE, {"processor": "statistics"}],
            "step 2 (statistics) needs the 499 rows before each block, but step 1 (transform) may drop some: ",
        ),
    ],
)  # fmt: skip
def test_impossible_steps_are_reported_before_the_work(tmp_path: Path, steps: list[Any], message: str) -> None:
    with pytest.raises(CsvswarmError) as raised:
        run_in_process(tmp_path, SAMPLE, processor="steps", options={"steps": steps})

    assert str(raised.value).startswith(message)
    assert not list(tmp_path.iterdir())
