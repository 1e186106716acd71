"""aggregate: groups of missing values, groups by expressions, percentiles, weighted means and counts of rows."""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from csvswarm.arithmetic import exact_sum
from csvswarm.arithmetic.exact_products import group_sums_of_products
from csvswarm.errors import CsvswarmError
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.processors.record_tables import HEADER, RecordTable, tables
from tests.support.jobs import SAMPLE, Result, run_in_process, run_with_all_cuts, write_csv

SAMPLE_CUTS = ((1, 1 << 20), (3, 1 << 18), (7, 1 << 16))


def aggregate(directory: Path, source: Path = SAMPLE, **options: Any) -> Result:
    request: dict[str, Any] = {}
    if source == SAMPLE:
        request = {"cuts": SAMPLE_CUTS, "date_format": {"time_hour": "%Y-%m-%dT%H:%M:%SZ"}}
    return run_with_all_cuts(directory, source, processor="aggregate", options=options, **request)


def texts(values: pd.Series[Any]) -> list[str]:
    return ["" if pd.isna(value) else str(value) for value in values]


# -- missing groups and counts of rows ---------------------------------------------------------------------------------


@settings(max_examples=25)
@given(rows=tables, group_by=st.lists(st.sampled_from(HEADER), min_size=1, max_size=3, unique=True))
def test_missing_groups_are_kept_last_as_in_pandas(
    tmp_path_factory: pytest.TempPathFactory, rows: Any, group_by: list[str]
) -> None:
    table = RecordTable.write(tmp_path_factory.mktemp("groups"), rows)

    result = table.run("aggregate", group_by=group_by, metrics={"*": "count", "i": ["count", "last"]}, dropna=False)

    frame = table.frame.assign(i_=table.frame["i"])
    groups = frame.groupby(group_by, dropna=False, sort=True)["i_"]
    assert [int(record["count"]) for record in result.records] == groups.size().tolist()
    assert [int(record["i_count"]) for record in result.records] == groups.count().tolist()
    assert [record["i_last"] for record in result.records] == texts(groups.last())


def test_missing_groups_of_the_sample_match_pandas(tmp_path: Path) -> None:
    result = aggregate(tmp_path, group_by=["dep_delay", "origin"], metrics={"*": "count"}, dropna=False)

    frame = pd.read_csv(SAMPLE, dtype={"dep_delay": "Int64"})
    expected = frame.groupby(["dep_delay", "origin"], dropna=False).size().rename("count").reset_index()
    assert result.data == expected.to_csv(index=False).encode()
    assert result.rows[-1][0] == ""


def test_rows_are_counted_without_any_column(tmp_path: Path) -> None:
    source = write_csv(tmp_path / "data.csv", ["g", "x"], [["a", None], ["b", 1], ["a", 2], [None, 3]])

    assert aggregate(tmp_path, source, group_by="g", metrics={"*": "count"}).data == b"g,count\na,2\nb,1\n"


# -- expressions -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expression", "by"),
    [
        ("time_hour.dt.month", lambda f: f["time_hour"].dt.month.astype("Int64")),
        ("tailnum.str.slice(0, 2)", lambda f: f["tailnum"].str.slice(0, 2)),
        ("arr_delay > 15", lambda f: f["arr_delay"] > 15),
        ("distance // 500", lambda f: f["distance"] // 500),
        ("time_hour.dt.floor('6h')", lambda f: f["time_hour"].dt.floor("6h")),
        ("air_time / 60", lambda f: f["air_time"] / 60),
    ],
)
def test_groups_by_an_expression_match_pandas(tmp_path: Path, expression: str, by: Any) -> None:
    metrics = {"*": "count", "distance": "sum"}
    result = aggregate(tmp_path, group_by=["origin", expression], metrics=metrics)

    frame = pd.read_csv(SAMPLE, parse_dates=["time_hour"])
    frame["time_hour"] = frame["time_hour"].dt.tz_localize(None)
    whole = [name for name in frame.select_dtypes("number") if frame[name].isna().any()]
    frame = frame.astype(dict.fromkeys(whole, "Int64"))
    frame["by"] = by(frame)
    groups = frame.groupby(["origin", "by"])["distance"].agg(["size", "sum"]).reset_index()
    assert result.header == ["origin", expression, "count", "distance_sum"]
    assert [row[1] for row in result.rows] == texts(groups["by"])
    assert [row[2:] for row in result.rows] == groups[["size", "sum"]].astype(str).to_numpy().tolist()
    assert len(result.rows) > 3


def test_expression_over_integers_with_late_gaps_has_one_type(tmp_path: Path) -> None:
    """A block without missing values must give the same groups as one with them."""
    source = write_csv(tmp_path / "data.csv", ["x", "y"], [[value, 1] for value in [*range(40), None, *range(40)]])

    result = aggregate(tmp_path, source, group_by=["x * 2"], metrics={"y": "sum"})

    assert result.rows == [[str(value * 2), "2"] for value in range(40)]


# -- percentiles -------------------------------------------------------------------------------------------------------


def test_percentiles_of_the_sample_match_pandas(tmp_path: Path) -> None:
    percents = ["p0", "p5", "p33.3", "p50", "p99.9", "p100"]
    result = aggregate(tmp_path, group_by=["origin", "month"], metrics={"arr_delay": percents, "distance": "p90"})

    groups = pd.read_csv(SAMPLE).groupby(["origin", "month"])
    for name in percents:
        expected = groups["arr_delay"].quantile(float(name[1:]) / 100)
        ours = [float(record[f"arr_delay_{name}"]) for record in result.records]
        assert ours == pytest.approx(expected.tolist(), rel=1e-12), name
    assert [float(record["distance_p90"]) for record in result.records] == groups["distance"].quantile(0.9).tolist()


def test_percentiles_of_large_integers_are_exact(tmp_path: Path) -> None:
    values = [2**62 + 1, 2**62 + 3]
    source = write_csv(tmp_path / "data.csv", ["g", "x"], [["a", value] for value in values])

    (row,) = aggregate(tmp_path, source, group_by="g", metrics={"x": ["p50", "p25", "median"]}).rows

    assert row == ["a", repr(float(2**62 + 2)), repr(float(2**62 + Fraction(3, 2))), repr(float(2**62 + 2))]


# -- weighted means ----------------------------------------------------------------------------------------------------

reals = st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from([0.0, -0.0, 1e308, 5e-324, 0.1])
integers = st.integers(-(2**63), 2**63 - 1) | st.integers(-9, 9)


@settings(max_examples=100)
@given(data=st.data(), values=st.sampled_from([reals, integers]), weights=st.sampled_from([reals, integers]))
def test_sums_of_products_are_exact(data: st.DataObject, values: Any, weights: Any) -> None:
    pairs = data.draw(st.lists(st.tuples(values, weights, st.integers(0, 2)), max_size=12))
    dtypes = _types(values, weights)
    x, w, groups = (np.array([pair[i] for pair in pairs], dtype) for i, dtype in enumerate(dtypes))

    sums = group_sums_of_products(x, w, groups, 3)

    for group in range(3):
        expected = sum((Fraction(x) * Fraction(w) for x, w, g in pairs if g == group), Fraction(0))
        assert exact_sum.total(exact_sum.group_levels(sums, group)) == expected


def _types(values: Any, weights: Any) -> list[Any]:
    return [*(np.float64 if kind is reals else np.int64 for kind in (values, weights)), np.int64]


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        ([(math.inf, 1.0), (2.0, 1.0)], math.inf),
        ([(math.inf, -1.0), (2.0, 1.0)], -math.inf),
        ([(math.inf, 0.0)], math.nan),
        ([(math.inf, 1.0), (-math.inf, 1.0)], math.nan),
    ],
)
def test_infinite_products_are_those_of_floats(pairs: list[tuple[float, float]], expected: float) -> None:
    values, weights = (np.array(column) for column in zip(*pairs, strict=True))

    total = exact_sum.total(
        exact_sum.group_levels(group_sums_of_products(values, weights, np.zeros(len(pairs), np.int64), 1))
    )

    assert total == expected or (math.isnan(total) and math.isnan(expected))


def test_weighted_mean_of_the_sample_matches_numpy(tmp_path: Path) -> None:
    metrics = {"arr_delay": ["mean", {"weighted_mean": "distance"}, "max"], "distance": {"weighted_mean": "air_time"}}
    result = aggregate(tmp_path, group_by=["carrier"], metrics=metrics)

    assert result.header == [
        "carrier", "arr_delay_mean", "arr_delay_max", "arr_delay_weighted_mean_distance",
        "distance_weighted_mean_air_time",
    ]  # fmt: skip
    groups = dict(list(pd.read_csv(SAMPLE).groupby("carrier")))
    for record in result.records:
        for value, weight in (("arr_delay", "distance"), ("distance", "air_time")):
            rows = groups[record["carrier"]].dropna(subset=[value, weight])
            expected = np.average(rows[value], weights=rows[weight])
            assert float(record[f"{value}_weighted_mean_{weight}"]) == pytest.approx(expected, rel=1e-12)


def test_weighted_mean_without_weight_is_empty(tmp_path: Path) -> None:
    rows: list[list[Any]] = [["a", 1, 1], ["a", 5, None], ["a", None, 3], ["b", 1, 0], ["c", 1, 1], ["c", 3, -1]]
    source = write_csv(tmp_path / "data.csv", ["g", "x", "w"], rows)

    result = aggregate(tmp_path, source, group_by="g", metrics={"x": {"weighted_mean": "w"}})

    assert result.data == b"g,x_weighted_mean_w\na,1.0\nb,\nc,\n"


# -- options -----------------------------------------------------------------------------------------------------------

METRICS, CHOICES = "option 'metrics' of aggregate", "use one of count, sum,"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"metrics": {"n": "p101"}}, f"{METRICS} requests 'p101' of 'n': {CHOICES}"),
        ({"metrics": {"n": "p-1"}}, f"{METRICS} requests 'p-1' of 'n': {CHOICES}"),
        ({"metrics": {"t": "p50"}}, f"{METRICS} requests the p50 of 't', which is text, not a number"),
        ({"metrics": {"*": "sum"}}, f"{METRICS} requests 'sum' of '*', all rows: only 'count' is possible."),
        ({"metrics": {"n": {"weighted_mean": "x"}}}, f"{METRICS} names a column 'x', but the file has: g, n, t."),
        (
            {"metrics": {"n": {"weighted_mean": "t"}}},
            f"{METRICS} requests the weighted_mean by of 't', which is text, not a number",
        ),
        ({"metrics": {"n": {"mean_by": "n"}}}, f"{METRICS} requests {{'mean_by': 'n'}} of 'n': {CHOICES}"),
        ({"group_by": ["n.mean()"]}, "option 'group_by' of aggregate uses .mean, which does not work row by row"),
        ({"group_by": ["x + 1"]}, "option 'group_by' of aggregate names a column 'x', but the columns are: g, n, t."),
    ],
)
def test_invalid_option_is_reported_before_the_work(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    row = ["a", "1", "one"]
    source = write_csv(tmp_path / "data.csv", ["g", "n", "t"], [row])

    with pytest.raises(CsvswarmError) as raised:
        run_in_process(
            tmp_path, source, processor="aggregate", options={"group_by": "g", "metrics": {"*": "count"}, **options}
        )

    assert str(raised.value).startswith(message)
    assert [path.name for path in tmp_path.iterdir()] == ["data.csv"]
