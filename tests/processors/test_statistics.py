"""statistics, compared with one pass of numpy, scipy and pandas over the whole file."""

from __future__ import annotations

import math
import tempfile
import warnings
from collections import Counter
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.jobs import SAMPLE, Result, run_with_all_cuts, write_csv

HEADER = (
    "column,count,missing,mean,min,max,mode,variance,std,p10,p25,p50,p75,p90,kurtosis,skewness,rolling_variance_sum,"
    "population_variance,population_std,population_rolling_variance_sum"
)
PERCENTS = (10, 25, 50, 75, 90)


def figures(result: Result, column: str) -> dict[str, float]:
    """The figures of a column as numbers, NaN where one is undefined."""
    (record,) = (record for record in result.records if record["column"] == column)
    return {name: float(text) if text else math.nan for name, text in record.items() if name != "column"}


# -- the sample --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def flights() -> pd.DataFrame:
    return pd.read_csv(SAMPLE)


@pytest.fixture(scope="module")
def of_the_sample(tmp_path_factory: pytest.TempPathFactory) -> Result:
    return run_with_all_cuts(tmp_path_factory.mktemp("sample"), SAMPLE, cuts=((1, 1 << 20), (2, 1 << 18), (7, 1 << 16)))


def test_every_numeric_column_has_a_row(of_the_sample: Result, flights: pd.DataFrame) -> None:
    assert ",".join(of_the_sample.header) == HEADER
    assert [record["column"] for record in of_the_sample.records] == list(flights.select_dtypes("number").columns)


@pytest.mark.parametrize(
    "column", ["year", "day", "dep_time", "dep_delay", "arr_delay", "air_time", "flight", "distance", "minute"]
)
def test_sample_statistics_match_one_pass(of_the_sample: Result, flights: pd.DataFrame, column: str) -> None:
    ours, series = figures(of_the_sample, column), flights[column].astype(float)
    values = series.dropna().to_numpy()

    assert ours["count"] == series.count()
    assert ours["missing"] == series.isna().sum()
    assert (ours["min"], ours["max"], ours["mode"]) == (series.min(), series.max(), series.mode()[0])
    expected = {
        "mean": values.mean(),
        "variance": series.var(),
        "std": series.std(),
        **{f"p{percent}": np.percentile(values, percent) for percent in PERCENTS},
        "rolling_variance_sum": series.rolling(500).var().sum(),
        "population_variance": values.var(),
        "population_std": values.std(),
        "population_rolling_variance_sum": series.rolling(500).var(ddof=0).sum(),
    }
    if values.var():
        expected |= {"kurtosis": scipy.stats.kurtosis(values), "skewness": scipy.stats.skew(values)}
    else:
        expected |= {"kurtosis": math.nan, "skewness": math.nan}
    # pandas updates sums of sliding windows, so cancellation leaves an absolute error
    assert {name: ours[name] for name in expected} == pytest.approx(expected, rel=1e-9, abs=1e-9, nan_ok=True)


@pytest.mark.parametrize("window", [1, 2, 77, 27_004])
def test_windows_span_block_and_chunk_boundaries(tmp_path: Path, flights: pd.DataFrame, window: int) -> None:
    result = run_with_all_cuts(
        tmp_path,
        SAMPLE,
        cuts=((1, 1 << 20), (3, 1 << 18)),
        options={"columns": ["distance"], "window": window},
    )

    windows = np.lib.stride_tricks.sliding_window_view(flights["distance"].to_numpy(float), window)
    ours = figures(result, "distance")
    assert ours["population_rolling_variance_sum"] == pytest.approx(windows.var(axis=1).sum(), rel=1e-9)
    sample = windows.var(axis=1, ddof=1).sum() if window > 1 else math.nan
    assert ours["rolling_variance_sum"] == pytest.approx(sample, rel=1e-9, nan_ok=True)


# -- any data ----------------------------------------------------------------------------------------------------------


def exact_metrics(values: list[int] | list[float], ddof: int) -> dict[str, float]:
    """Figures of finite values by exact arithmetic, rounded once at the end."""
    exact = sorted(map(Fraction, values))
    count, last = len(exact), len(exact) - 1
    mean = Fraction(sum(exact)) / count
    second, third, fourth = (sum((value - mean) ** power for value in exact) / count for power in (2, 3, 4))
    counts = Counter(exact)
    often = max(counts.values())

    def percentile(percent: int) -> Fraction:
        rank, share = divmod(last * percent, 100)
        low, high = exact[rank], exact[min(rank + 1, last)]
        return low + (high - low) * Fraction(share, 100)

    result = {
        "mean": mean,
        "min": exact[0],
        "max": exact[-1],
        "mode": min(value for value, n in counts.items() if n == often),
        "population_variance": second,
        **{f"p{percent}": percentile(percent) for percent in PERCENTS},
    }
    metrics = {name: float(value) for name, value in result.items()}
    has_shape = float(second) > (np.finfo(float).eps * float(mean)) ** 2  # scipy's rule
    metrics["kurtosis"] = float(fourth / second**2) - 3 if has_shape else math.nan
    metrics["skewness"] = float(third / second) / math.sqrt(second) if has_shape else math.nan
    metrics["population_std"] = math.sqrt(second)
    metrics["variance"] = float(second * count / (count - ddof)) if count > ddof else math.nan
    metrics["std"] = math.sqrt(metrics["variance"])
    return metrics


def exact_windows(values: list[float | None], window: int) -> tuple[float, float]:
    """Return the sum of the variances of all windows without a missing value, and its error bound in doubles."""
    total, several = Fraction(0), 0
    for start in range(len(values) - window + 1):
        part = [Fraction(value) for value in values[start : start + window] if value is not None]
        if len(part) == window:
            mean = Fraction(sum(part)) / window
            total += Fraction(sum((value - mean) ** 2 for value in part)) / window
            several += 1
    largest = max((abs(value) for value in values if value is not None), default=0.0)
    # the values themselves are rounded to about 16 digits, which limits the precision of a spread
    return float(total), several * (1e-10 * float(largest)) ** 2


whole = st.integers(-(2**63), 2**63 - 1) | st.integers(-9, 9) | st.integers(2**53 - 3, 2**53 + 3)
# Fourth powers must be doubles as well, or numpy's figures overflow.
real = st.floats(-(2**20), 2**20, width=32) | st.floats(1e-60, 1e60) | st.sampled_from([0.0, -0.0, 0.1, 1e16])


@settings(max_examples=40)
@given(
    values=st.lists(whole | st.none(), min_size=1, max_size=40) | st.lists(real | st.none(), min_size=1, max_size=40),
    window=st.integers(1, 45),
    ddof=st.integers(0, 3),
)
def test_statistics_of_arbitrary_numbers_are_exact(values: list[Any], window: int, ddof: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        source = write_csv(Path(name) / "any.csv", ["row", "a"], enumerate_rows(values))
        options = {"columns": ["a"], "window": window, "ddof": ddof}
        ours = figures(run_with_all_cuts(Path(name), source, options=options), "a")

    present = [value for value in values if value is not None]
    assert (ours.pop("count"), ours.pop("missing")) == (len(present), len(values) - len(present))
    rolling, fair = exact_windows(values, window)
    assert ours.pop("population_rolling_variance_sum") == pytest.approx(rolling, rel=1e-9, abs=fair)
    share = window / (window - ddof) if window > ddof else math.nan
    sample = pytest.approx(rolling * share, rel=1e-9, abs=fair * share, nan_ok=True)
    assert ours.pop("rolling_variance_sum") == sample
    if not present:
        assert all(math.isnan(figure) for figure in ours.values())
        return
    expected = exact_metrics(present, ddof)
    for name in ("mean", "min", "max", "mode", *(f"p{percent}" for percent in PERCENTS)):
        assert ours.pop(name) == expected.pop(name), name
    # kurtosis and skewness are near zero by cancellation
    assert ours == pytest.approx(expected, rel=1e-9, abs=1e-9, nan_ok=True)


def enumerate_rows(values: list[Any]) -> list[tuple[int, Any]]:
    """Values as rows with a number before them: a lone gap would be a blank line."""
    return list(enumerate(values))


numbers_and_worse = st.lists(
    st.sampled_from([math.inf, -math.inf, math.nan]) | st.integers(-3, 3).map(float), min_size=1, max_size=12
)


@settings(max_examples=40)
@given(values=numbers_and_worse)
def test_infinities_and_nan_match_numpy(values: list[float]) -> None:
    with tempfile.TemporaryDirectory() as name:
        source = write_csv(
            Path(name) / "any.csv", ["row", "a"], [(row, repr(value)) for row, value in enumerate(values)]
        )
        ours = figures(run_with_all_cuts(Path(name), source, options={"window": 2, "columns": ["a"]}), "a")

    series = pd.Series(values)
    present = series.dropna()
    assert (ours["count"], ours["missing"]) == (present.count(), series.isna().sum())
    with warnings.catch_warnings(action="ignore", category=RuntimeWarning), np.errstate(all="ignore"):
        assert ours["rolling_variance_sum"] == pytest.approx(series.rolling(2).var().sum())
        assert ours["population_rolling_variance_sum"] == pytest.approx(series.rolling(2).var(ddof=0).sum())
        if not len(present):
            return
        array = present.to_numpy()
        expected = {
            "mean": array.mean(),
            "min": array.min(),
            "max": array.max(),
            "mode": present.mode()[0],
            "variance": present.var(),
            "std": present.std(),
            "population_variance": array.var(),
            "population_std": array.std(),
            **{f"p{percent}": np.percentile(array, percent) for percent in PERCENTS},
            "kurtosis": scipy.stats.kurtosis(array) if np.ptp(array) else math.nan,
            "skewness": scipy.stats.skew(array) if np.ptp(array) else math.nan,
        }
    assert {name: ours[name] for name in expected} == pytest.approx(expected, rel=1e-9, abs=1e-12, nan_ok=True)


@pytest.mark.parametrize("value", [0.1, 1e300, -7.0, 3])
def test_constant_column_has_no_variance_skewness_or_kurtosis(tmp_path: Path, value: float) -> None:
    source = write_csv(tmp_path / "constant.csv", ["a"], [[value]] * 30)

    ours = figures(run_with_all_cuts(tmp_path, source, options={"window": 4}), "a")

    assert {ours[name] for name in ("mean", "min", "max", "mode", "p10", "p90")} == {value}
    assert (ours["variance"], ours["std"], ours["rolling_variance_sum"]) == (0, 0, 0)
    assert math.isnan(ours["kurtosis"])
    assert math.isnan(ours["skewness"])


def test_large_ids_with_missing_values_stay_integers(tmp_path: Path) -> None:
    ids = [9007199254740993, None, 9007199254740995, 9007199254740993, 9223372036854775807]
    source = write_csv(tmp_path / "ids.csv", ["row", "id"], enumerate_rows(ids))

    (record,) = run_with_all_cuts(tmp_path, source, options={"columns": ["id"]}).records

    assert (record["count"], record["missing"]) == ("4", "1")
    assert (record["min"], record["max"], record["mode"]) == (
        "9007199254740993",
        "9223372036854775807",
        "9007199254740993",
    )


def test_empty_column_has_only_counts(tmp_path: Path) -> None:
    source = write_csv(tmp_path / "empty.csv", ["row", "nothing"], [[row, None] for row in range(9)])

    records = {record["column"]: record for record in run_with_all_cuts(tmp_path, source).records}

    nothing = records["nothing"]
    assert (nothing.pop("column"), nothing.pop("count"), nothing.pop("missing")) == ("nothing", "0", "9")
    assert nothing.pop("rolling_variance_sum") == nothing.pop("population_rolling_variance_sum") == "0.0"
    assert set(nothing.values()) == {""}


def test_columns_that_only_resemble_numbers_are_omitted(tmp_path: Path) -> None:
    text = (
        "n,zip,flag,day,note,late_text\n"
        + "1,00123,True,2024-01-02,a,5\n" * 20
        + '2,90210,False,2024-01-03,"b,c\nd",6\n' * 20
        + "3,10001,True,2024-01-04,,six\n"
    )
    (tmp_path / "mixed.csv").write_text(text)

    assert [record["column"] for record in run_with_all_cuts(tmp_path, tmp_path / "mixed.csv").records] == ["n"]


def test_gap_or_fraction_in_the_last_record_applies_to_the_whole_column(tmp_path: Path) -> None:
    rows = [[row, row] for row in range(300)]
    source = write_csv(tmp_path / "late.csv", ["a", "b"], [*rows, [None, 0.5]])

    result = run_with_all_cuts(tmp_path, source, cuts=((1, 1 << 20), (2, 256), (7, 64)))

    a, b = result.records
    assert (a["missing"], a["max"], a["mode"]) == ("1", "299", "0")
    assert (b["missing"], b["max"], b["mode"]) == ("0", "299.0", "0.0")


def test_quoted_na_among_numbers_is_missing(tmp_path: Path) -> None:
    (tmp_path / "quoted.csv").write_text('a,b\n1,x\n"NA",x\n"",x\nNA,x\n"3",x\n')

    ours = figures(run_with_all_cuts(tmp_path, tmp_path / "quoted.csv"), "a")

    assert (ours["count"], ours["missing"], ours["mean"]) == (2, 3, 2.0)


def test_duplicate_column_names_are_resolved_as_in_pandas(tmp_path: Path) -> None:
    (tmp_path / "twice.csv").write_text("a,a,,a\n1,2,3,4\n")

    result = run_with_all_cuts(tmp_path, tmp_path / "twice.csv")

    assert [(record["column"], record["max"]) for record in result.records] == [
        ("a", "1"), ("a.1", "2"), ("Unnamed: 2", "3"), ("a.2", "4"),
    ]  # fmt: skip
