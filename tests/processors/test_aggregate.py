"""aggregate, compared with pandas' groupby on the whole file."""

from __future__ import annotations

import math
import statistics
from fractions import Fraction
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.processors.aggregate_metrics import FOR_ANYTHING, FOR_NUMBERS, FOR_NUMBERS_ONLY
from tests.support.jobs import SAMPLE, Result, run_with_all_cuts, write_csv

SAMPLE_CUTS = ((1, 1 << 20), (2, 1 << 18), (7, 1 << 16))


def by_pandas(frame: pd.DataFrame, group_by: list[str], metrics: dict[str, list[str]]) -> pd.DataFrame:
    """Return the metrics from pandas, with the same names."""
    groups = frame.groupby(group_by)
    wanted = [
        groups[column].agg(name).rename(f"{column}_{name}") for column, names in metrics.items() for name in names
    ]
    return pd.concat(wanted, axis="columns").reset_index()


def check(result: Result, expected: pd.DataFrame) -> None:
    """Assert that the result is that of pandas: floats to 1e-9, everything else literally."""
    assert result.header == [str(name) for name in expected.columns]
    assert len(result.rows) == len(expected)
    ours = pd.DataFrame(result.rows, columns=result.header, dtype=str)
    for name in expected.columns:
        texts, values = ours[name].tolist(), expected[name].tolist()
        if pd.api.types.is_float_dtype(expected[name].dtype):
            values = expected[name].to_numpy(float, na_value=math.nan).tolist()
            numbers = [float(text) if text else math.nan for text in texts]
            assert numbers == pytest.approx(values, rel=1e-9, nan_ok=True), name
            assert all("." in text or "e" in text or "inf" in text for text in texts if text), name
        else:
            assert texts == ["" if pd.isna(value) else str(value) for value in values], name


# -- the sample --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def flights() -> pd.DataFrame:
    """The sample, where integers with missing values stay integers."""
    frame = pd.read_csv(SAMPLE, parse_dates=["time_hour"])
    return frame.astype(dict.fromkeys(frame.select_dtypes("number"), "Int64"))


@pytest.mark.parametrize(
    ("group_by", "metrics"),
    [
        (["carrier"], {"dep_delay": FOR_NUMBERS, "distance": FOR_NUMBERS}),
        (["origin", "dest"], {"air_time": FOR_NUMBERS, "tailnum": FOR_ANYTHING}),
        (["month", "day", "origin"], {"arr_delay": ["median", "nunique", "std"], "flight": ["sum"]}),
        (["tailnum"], {"dest": ["first", "last"], "tailnum": ["count"]}),
        (["dep_time"], {"dep_time": ["min"], "carrier": ["nunique", "max"]}),
    ],
    ids=",".join,
)
def test_groups_of_the_sample_match_groupby(
    tmp_path: Path, flights: pd.DataFrame, group_by: list[str], metrics: dict[str, list[str]]
) -> None:
    result = run_with_all_cuts(
        tmp_path,
        SAMPLE,
        cuts=SAMPLE_CUTS,
        processor="aggregate",
        options={"group_by": group_by, "metrics": metrics},
    )

    expected = by_pandas(flights, group_by, metrics)
    check(result, expected)


# -- any data ----------------------------------------------------------------------------------------------------------

gap = st.none()
numbers = st.integers(-(2**63), 2**63 - 1) | st.integers(-5, 5)
reals = st.floats(-(2.0**40), 2.0**40, width=32) | st.sampled_from([0.0, -0.0, 0.1, -2.5, 1e-3])
texts = st.sampled_from(["b", "B", "ä", "10", "9", 'quo"te', "two\nlines", "com,ma", "\N{CAT FACE}", " "])
flags = st.booleans()


def exactly(values: list[Any], metric: str) -> Any:
    """Return a metric of the present values of one group, in exact arithmetic; None where undefined."""
    present = [value for value in values if value is not None]
    if metric in ("count", "nunique"):
        return len(present if metric == "count" else set(present))
    exact = list(map(Fraction, present)) if metric in FOR_NUMBERS_ONLY else present
    functions: dict[str, Any] = {
        "sum": sum,
        "first": lambda values: values[0],
        "last": lambda values: values[-1],
        "min": min,
        "max": max,
        "mean": lambda values: Fraction(sum(values)) / len(values),
        "median": statistics.median,
        "var": statistics.variance,
        "std": lambda values: math.sqrt(statistics.variance(values)),
    }
    smallest = {"sum": 0, "var": 2, "std": 2}.get(metric, 1)
    return functions[metric](exact) if len(exact) >= smallest else None


@st.composite
def tables(draw: st.DrawFn) -> list[list[Any]]:
    """Return rows of two group columns and one column of each kind, with missing values."""
    row = st.tuples(texts | gap, st.integers(-2, 2) | gap, numbers | gap, reals | gap, texts | gap, flags | gap)
    return [[column, *values] for column, values in enumerate(draw(st.lists(row, min_size=1, max_size=25)))]


@settings(max_examples=25)
@given(rows=tables(), group_by=st.sampled_from([["g"], ["h"], ["g", "h"], ["h", "b", "g"]]))
def test_groups_of_any_table_are_exact(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[Any]], group_by: list[str]
) -> None:
    header = ["row", "g", "h", "i", "f", "t", "b"]
    metrics = {"i": FOR_NUMBERS, "f": FOR_NUMBERS, "t": FOR_ANYTHING, "b": FOR_NUMBERS}
    directory = tmp_path_factory.mktemp("any")
    source = write_csv(directory / "any.csv", header, rows)
    types = {"g": "text", "h": "int", "i": "int", "f": "float", "t": "text", "b": "bool"}

    result = run_with_all_cuts(
        directory,
        source,
        processor="aggregate",
        options={"group_by": group_by, "metrics": metrics},
        column_types=types,
    )

    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in rows:
        record = dict(zip(header, row, strict=True))
        key = tuple(record[name] for name in group_by)
        if None not in key:
            groups.setdefault(key, []).append(record)
    assert [tuple(row[: len(group_by)]) for row in result.rows] == [tuple(map(str, key)) for key in sorted(groups)]
    for key, record in zip(sorted(groups), result.records, strict=True):
        for column, names in metrics.items():
            for name in names:
                expected = exactly([member[column] for member in groups[key]], name)
                wanted_metrics = record[f"{column}_{name}"]
                if expected is None:
                    assert wanted_metrics == ""
                elif name in ("var", "std"):
                    assert float(wanted_metrics) == pytest.approx(float(expected), rel=1e-12), (column, name)
                elif column == "f" or name in ("mean", "median"):
                    assert float(wanted_metrics) == float(expected), (column, name)
                else:
                    assert wanted_metrics == str(expected), (column, name)


def aggregate(directory: Path, source: Path, group_by: list[str], metrics: dict[str, Any], **request: Any) -> Result:
    options = {"group_by": group_by, "metrics": metrics}
    return run_with_all_cuts(directory, source, processor="aggregate", options=options, **request)


def test_infinities_match_pandas(tmp_path: Path) -> None:
    groups = {
        "one": [math.inf],
        "plus": [1.0, math.inf, 2.0],
        "minus": [-math.inf, -math.inf, 1.0],
        "both": [math.inf, 3.0, -math.inf, 4.0],
        "gaps": [math.nan, math.inf, math.nan],
        "none": [math.nan],
    }
    rows = [(name, value) for name, values in groups.items() for value in values]
    source = write_csv(tmp_path / "inf.csv", ["g", "x"], [(name, repr(value)) for name, value in rows])

    result = aggregate(tmp_path, source, ["g"], {"x": FOR_NUMBERS})

    check(result, by_pandas(pd.DataFrame(rows, columns=["g", "x"]), ["g"], {"x": FOR_NUMBERS}))


def test_sample_deviation_needs_two_rows(tmp_path: Path) -> None:
    source = write_csv(tmp_path / "data.csv", ["g", "x"], [["a", 1], ["b", 1], ["b", 4]])

    result = aggregate(tmp_path, source, ["g"], {"x": ["std", "var", "median", "mean"]})

    assert result.data == b"g,x_std,x_var,x_median,x_mean\na,,,1.0,1.0\nb,2.1213203435596424,4.5,2.5,2.5\n"


def test_group_without_values_is_kept_empty(tmp_path: Path) -> None:
    source = write_csv(tmp_path / "data.csv", ["g", "x", "t"], [["a", None, None], ["b", 1, "z"]])

    result = aggregate(tmp_path, source, ["g"], {"x": FOR_NUMBERS, "t": FOR_ANYTHING})

    assert result.rows[0] == ["a", "0", "0", "", "", "", "", "", "", "0", "", "", "0", "", "", "0", "", ""]


def test_large_ids_with_missing_values_keep_every_digit(tmp_path: Path) -> None:
    ids = [9007199254740993, None, 9223372036854775807, 9007199254740993, -9223372036854775808]
    source = write_csv(tmp_path / "ids.csv", ["g", "id"], [["a", value] for value in ids])

    result = aggregate(tmp_path, source, ["g"], {"id": ["min", "max", "first", "last", "nunique", "sum"]})

    assert result.rows == [
        ["a", "-9223372036854775808", "9223372036854775807", "9007199254740993", "-9223372036854775808", "3",
         str(sum(filter(None, ids)))],
    ]  # fmt: skip


def test_integer_sum_does_not_overflow(tmp_path: Path) -> None:
    source = write_csv(tmp_path / "data.csv", ["g", "x"], [["a", 2**63 - 1]] * 5)

    assert aggregate(tmp_path, source, ["g"], {"x": "sum"}).rows == [["a", str(5 * (2**63 - 1))]]


def test_text_is_not_changed(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text(
        'zip,price,note\n00123,1.50,"a ""quoted"" one"\n00123,2.0,"two\nlines"\n00045,x,\n00045,7,"NA"\n00045,8,""\n'
    )

    result = aggregate(
        tmp_path, tmp_path / "data.csv", ["zip"], {"price": ["first", "max"], "note": ["first", "last", "count"]}
    )

    assert result.data.decode() == (
        "zip,price_first,price_max,note_first,note_last,note_count\n"
        '00045,x,x,"NA","",2\n'
        '00123,1.50,2.0,"a ""quoted"" one","two\nlines",2\n'
    )


def test_empty_text_is_a_group_and_missing_text_is_not(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text('g,x\n"",1\n,2\nNA,3\n"NA",4\nb,5\n')

    result = aggregate(tmp_path, tmp_path / "data.csv", ["g"], {"x": "sum"})

    assert result.data == b'g,x_sum\n"",1\n"NA",4\nb,5\n'


def test_dates_and_booleans_as_groups_and_metrics(tmp_path: Path) -> None:
    rows = [("2024-01-02 03:00:00", "True"), ("2024-01-02 03:00:00", "False"), ("2023-12-31 23:59:59.5", "True")]
    source = write_csv(tmp_path / "data.csv", ["at", "ok"], rows)

    by_date = aggregate(tmp_path / "1", source, ["at"], {"ok": ["sum", "mean", "min", "max", "first"], "at": "max"},
                        column_types={"at": "timestamp"})  # fmt: skip
    by_flag = aggregate(tmp_path / "2", source, ["ok"], {"at": FOR_ANYTHING}, column_types={"at": "timestamp"})

    assert by_date.data.decode() == (
        "at,ok_sum,ok_mean,ok_min,ok_max,ok_first,at_max\n"
        "2023-12-31 23:59:59.500000,1,1.0,True,True,True,2023-12-31 23:59:59.500000\n"
        "2024-01-02 03:00:00.000000,1,0.5,False,True,True,2024-01-02 03:00:00.000000\n"
    ).replace(".500000", ".5").replace(".000000", "")
    assert [row[0] for row in by_flag.rows] == ["False", "True"]
    assert by_flag.rows[1][1:] == ["2", "2023-12-31 23:59:59.5", "2024-01-02 03:00:00", "2", "2024-01-02 03:00:00",
                                   "2023-12-31 23:59:59.5"]  # fmt: skip


def test_text_is_ordered_by_code_point(tmp_path: Path) -> None:
    words = ["b", "a", "B", "Z", "é", "z", "\N{CAT FACE}", "10", "9", "aa"]
    source = write_csv(tmp_path / "data.csv", ["g", "t"], [["x", word] for word in words])

    ordered = aggregate(tmp_path / "1", source, ["t"], {"g": "count"})
    extremes = aggregate(tmp_path / "2", source, ["g"], {"t": ["min", "max"]})

    assert [row[0] for row in ordered.rows] == sorted(words)
    assert extremes.rows == [["x", "10", "\N{CAT FACE}"]]


@pytest.mark.parametrize("column", ["empty", "gone"])
def test_group_column_without_values_gives_no_group(tmp_path: Path, column: str) -> None:
    source = write_csv(tmp_path / "data.csv", ["empty", "gone", "x"], [[None, "NA", 1], [None, "", 2]])

    assert aggregate(tmp_path, source, [column], {"x": ["sum", "median"]}).data == f"{column},x_sum,x_median\n".encode()


def test_metrics_of_an_empty_column(tmp_path: Path) -> None:
    source = write_csv(tmp_path / "data.csv", ["g", "empty"], [["a", None], ["b", None]])

    result = aggregate(tmp_path, source, ["g"], {"empty": FOR_NUMBERS})

    assert result.rows[0][1:] == ["0", "0.0", "", "", "", "", "", "", "0", "", ""]


def test_floats_group_by_value(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("f,x\n1.0,1\n1,2\n-0.0,3\n0.0,4\ninf,5\n1e0,6\nnan,7\n")

    assert aggregate(tmp_path, tmp_path / "data.csv", ["f"], {"x": "sum"}).rows == [
        ["0.0", "7"], ["1.0", "9"], ["inf", "5"],
    ]  # fmt: skip


def test_many_groups_keep_their_order(tmp_path: Path) -> None:
    rows = [[row * 7919 % 9_973, row] for row in range(9_973)]
    source = write_csv(tmp_path / "many.csv", ["g", "x"], rows)

    result = aggregate(tmp_path, source, ["g"], {"x": ["sum", "median"]}, cuts=((1, 1 << 20), (3, 1 << 15)))

    expected = sorted((group, value) for group, value in rows)
    assert result.rows == [[str(group), str(value), f"{value}.0"] for group, value in expected]
