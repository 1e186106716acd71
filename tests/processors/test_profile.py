"""profile, compared with pandas on the whole file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pandas as pd
import pytest
from csvswarm.errors import CsvswarmError
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.processors.record_tables import HEADER, TYPES, RecordTable, tables
from tests.support.jobs import SAMPLE, run_in_process, run_with_all_cuts, write_csv

SAMPLE_CUTS = ((1, 1 << 20), (3, 1 << 18), (7, 1 << 16))
PERCENTILES = (5, 25, 50, 75, 95)


def profile(directory: Path, source: Path = SAMPLE, **options: Any) -> dict[str, dict[str, str]]:
    cuts: dict[str, Any] = {"cuts": SAMPLE_CUTS} if source == SAMPLE else {}
    result = run_with_all_cuts(directory, source, processor="profile", options=options, **cuts)
    return {record["column"]: record for record in result.records}


def top_of(values: pd.Series[Any], count: int) -> list[list[Any]]:
    """Return the most frequent values, ties in ascending order."""
    counts = values.dropna().value_counts().sort_index().sort_values(ascending=False, kind="stable")
    return [[str(value), int(n)] for value, n in counts.head(count).items()]


@pytest.fixture(scope="module")
def flights() -> pd.DataFrame:
    frame = pd.read_csv(SAMPLE)
    return frame.astype(dict.fromkeys(frame.select_dtypes("number"), "Int64"))


def test_numbers_of_the_sample_match_pandas(tmp_path: Path, flights: pd.DataFrame) -> None:
    profiles = profile(tmp_path, top=3, bins=7)

    assert list(profiles) == list(flights)
    for name in map(str, flights.select_dtypes("number")):
        ours, values = profiles[name], flights[name].dropna()
        assert (ours["type"], ours["distinct_is"]) == ("int", "exact")
        assert [ours[key] for key in ("count", "missing", "distinct", "min", "max")] == [
            str(value)
            for value in (len(values), flights[name].isna().sum(), values.nunique(), values.min(), values.max())
        ]
        assert json.loads(ours["top"]) == top_of(values, 3)
        assert float(ours["mean"]) == pytest.approx(values.mean(), rel=1e-14)
        for percent in PERCENTILES:
            assert float(ours[f"p{percent}"]) == pytest.approx(values.quantile(percent / 100), rel=1e-14)
        assert json.loads(ours["histogram"]) == np.histogram(values.to_numpy(float), 7)[0].tolist()
        assert (ours["min_length"], ours["max_length"], ours["mean_length"]) == ("", "", "")


def test_texts_of_the_sample_match_pandas(tmp_path: Path, flights: pd.DataFrame) -> None:
    profiles = profile(tmp_path)

    for name in map(str, flights.select_dtypes(exclude="number")):
        ours, values = profiles[name], flights[name].dropna()
        lengths = values.str.len()
        assert (ours["type"], ours["distinct"], ours["distinct_is"]) == ("text", str(values.nunique()), "exact")
        assert (ours["count"], ours["missing"]) == (str(len(values)), str(flights[name].isna().sum()))
        assert json.loads(ours["top"]) == top_of(values, 5)
        assert (ours["min"], ours["max"]) == (values.min(), values.max())
        assert (ours["min_length"], ours["max_length"]) == (str(lengths.min()), str(lengths.max()))
        assert float(ours["mean_length"]) == pytest.approx(lengths.mean(), rel=1e-14)
        assert (ours["mean"], ours["p50"], ours["histogram"]) == ("", "", "")


@settings(max_examples=25)
@given(rows=tables, top=st.integers(1, 3))
def test_any_table_matches_pandas(tmp_path_factory: pytest.TempPathFactory, rows: Any, top: int) -> None:
    table = RecordTable.write(tmp_path_factory.mktemp("any"), rows)

    result = table.run("profile", top=top)

    for record in result.records:
        name = record["column"]
        values = table.frame[name].dropna()
        if name == "f":
            values = values + 0.0  # -0.0 and 0.0 are one value
        assert [record[key] for key in ("type", "count", "missing", "distinct")] == [
            TYPES[name], str(len(values)), str(len(rows) - len(values)), str(values.nunique()),
        ]  # fmt: skip
        wanted = top_of(values, top) if name != "at" else []
        assert name == "at" or json.loads(record["top"] or "[]") == wanted
        if len(values):
            low, high = values.min(), values.max()
            ends = [str(low), str(high)] if name != "at" else [_text(low), _text(high)]
            assert [record["min"], record["max"]] == ends
        else:
            assert [record["min"], record["max"]] == ["", ""]
    assert [record["column"] for record in result.records] == HEADER


def _text(at: pd.Timestamp) -> str:
    return str(at).rstrip("0").rstrip(".") if "." in str(at) else str(at)


@pytest.mark.parametrize("distinct", [100, 101, 20_000])
def test_distinct_texts_beyond_the_limit_are_estimated(tmp_path: Path, distinct: int) -> None:
    names = [f"name {number}" for number in range(distinct)]
    source = write_csv(tmp_path / "data.csv", ["t", "n"], [[name, 1] for name in [*names, *names[:50]]])

    cuts = ((1, 1 << 20), (3, 1 << 12), (7, 1 << 14))
    result = run_with_all_cuts(tmp_path, source, cuts=cuts, processor="profile", options={"distinct_limit": 100})

    record = result.records[0]
    if distinct == 100:
        assert (record["distinct"], record["distinct_is"]) == ("100", "exact")
        assert json.loads(record["top"])[0] == ["name 0", 2]
    else:
        assert (record["distinct_is"], record["top"]) == ("estimate", "")
        assert int(record["distinct"]) == pytest.approx(distinct, rel=0.4)  # four standard deviations
    assert (record["min"], record["max"]) == (min(names), max(names))


def test_state_in_files_gives_the_same_profile(tmp_path: Path) -> None:
    limits: dict[str, Any] = {"MAX_BYTES_IN_MEMORY": 1 << 16, "BATCH_BYTES": 1 << 12, "FAN_IN": 3}
    in_memory = run_in_process(tmp_path, SAMPLE, processor="profile", options={"distinct_limit": 500})
    with mock.patch.multiple("csvswarm.partials.sorted_runs", **limits):
        in_files = run_in_process(
            tmp_path, SAMPLE, chunks=3, block_bytes=1 << 16, processor="profile", options={"distinct_limit": 500}
        )

    assert in_files == in_memory


def test_infinities_and_one_value(tmp_path: Path) -> None:
    source = write_csv(tmp_path / "data.csv", ["inf", "one", "none"], [["inf", 5, None], ["1.5", 5, None]])

    profiles = profile(tmp_path, source, bins=2)

    assert [profiles["inf"][key] for key in ("min", "max", "mean", "histogram")] == ["1.5", "inf", "inf", ""]
    assert [profiles["one"][key] for key in ("top", "p5", "p95", "histogram")] == ['[["5", 2]]', "5.0", "5.0", "[0, 2]"]
    assert profiles["none"] | {"column": "none"} == {
        **dict.fromkeys(profiles["none"], ""),
        "column": "none", "type": "null", "count": "0", "missing": "2", "distinct": "0", "distinct_is": "exact",
    }  # fmt: skip


def test_file_without_records_has_a_profile(tmp_path: Path) -> None:
    source = write_csv(tmp_path / "data.csv", ["a", "b"], [])

    assert [record["count"] for record in profile(tmp_path, source).values()] == ["0", "0"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"columns": ["x"]}, "option 'columns' of profile names a column 'x', but the file has: a."),
        ({"columns": []}, "option 'columns' of profile is an empty list: name at least one column."),
        ({"top": 0}, "option 'top' of processor profile is 0, but must be at least 1."),
        ({"distinct_limit": 5}, "option 'distinct_limit' of processor profile is 5, but must be at least 100."),
    ],
)
def test_wrong_options_are_reported(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    source = write_csv(tmp_path / "data.csv", ["a"], [["1"]])

    with pytest.raises(CsvswarmError) as raised:
        run_in_process(tmp_path, source, processor="profile", options=options)

    assert str(raised.value) == message
