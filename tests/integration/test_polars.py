"""A processor with `BLOCK = "polars"`: polars is a package of the job, from the index."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from csvswarm.errors import CsvswarmError
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.jobs import SAMPLE, Result, Scripts, native, run_in_process, run_with_all_cuts
from tests.support.packages import need_index

THREE_CUTS = ((1, 1 << 20), (3, 100_000), (7, 30_000))
DELAYED = """
import polars as pl

BLOCK = "polars"
columns = ["carrier", "dep_delay", "arr_delay"]

def process(block, context):
    made_up = pl.col("dep_delay") - pl.col("arr_delay")
    return block.with_columns(made_up=made_up, name=pl.col("carrier").str.to_lowercase()).filter(made_up >= 30)
"""
DISTANCES = """
import polars as pl

BLOCK = "polars"
columns = ["carrier", "distance"]

def process(block, context):
    return combine([block], context)

def combine(partials, context):
    return pl.concat(partials).group_by("carrier", maintain_order=True).agg(pl.col("distance").sum())

def finish(result, context):
    return result.sort("carrier").with_columns(mean=pl.col("distance") // context.rows)
"""
TYPES = """
import polars as pl

BLOCK = "polars"

def process(block, context):
    return block.with_columns(
        *(pl.col(name).is_null().alias(f"no {name}") for name in block.columns),
        types=pl.lit(" ".join(str(kind) for kind in block.dtypes)),
        ratio=pl.col("f") / 0 * 0,
        day=pl.col("t").dt.date(),
        kind=pl.col("s").cast(pl.Categorical),
    )
"""
TYPED = b"""i,f,s,t,b,n
1,0.5,a,2024-02-29 01:02:03,true,
,1e300,"NA",2024-03-01 00:00:00.5,,
9007199254740993,,,,false,
"""


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A list of packages with polars."""
    directory = tmp_path_factory.mktemp("packages")
    need_index(directory)
    (directory / "packages.txt").write_text("polars\n")
    return directory / "packages.txt"


@pytest.fixture
def job(tmp_path: Path, packages: Path) -> Callable[[str], dict[str, Any]]:
    """A function that returns the request of a job, given the source of its processor."""

    def request(source: str) -> dict[str, Any]:
        (tmp_path / "mine.py").write_text(source)
        return {"processor": str(tmp_path / "mine.py"), "requirements": packages}

    return request


def test_map_of_the_sample_matches_pandas(tmp_path: Path, job: Callable[[str], dict[str, Any]]) -> None:
    found = run_with_all_cuts(tmp_path, SAMPLE, cuts=THREE_CUTS, **job(DELAYED))

    flights = pd.read_csv(SAMPLE, usecols=["carrier", "dep_delay", "arr_delay"], dtype_backend="numpy_nullable")
    flights["made_up"] = flights["dep_delay"] - flights["arr_delay"]
    flights["name"] = flights["carrier"].str.lower()
    right = flights[flights["made_up"].fillna(0) >= 30]
    order = ["carrier", "dep_delay", "arr_delay", "made_up", "name"]
    assert found.header == sorted(order[:3], key=found.header.index) + order[3:]
    assert found.records == right.astype(str).to_dict("records")


def test_combined_outputs_match_pandas(tmp_path: Path, job: Callable[[str], dict[str, Any]]) -> None:
    found = run_with_all_cuts(tmp_path, SAMPLE, cuts=THREE_CUTS, **job(DISTANCES))

    flights = pd.read_csv(SAMPLE, usecols=["carrier", "distance"], keep_default_na=False)
    right = flights.groupby("carrier", as_index=False)["distance"].sum()
    right["mean"] = right["distance"] // len(flights)
    assert found.rows == right.astype(str).to_numpy().tolist()


@pytest.mark.parametrize("kernel", [True, False])
def test_types_and_missing_values(tmp_path: Path, job: Callable[[str], dict[str, Any]], kernel: bool) -> None:
    source = tmp_path / "data.csv"
    source.write_bytes(TYPED)
    with native(kernel):
        found = run_with_all_cuts(tmp_path, source, column_types={"t": "timestamp"}, **job(TYPES))

    types = "Int64 Float64 String Datetime(time_unit='us', time_zone=None) Boolean Float64"
    assert [row["types"] for row in found.records] == [types] * 3
    texts = list(csv.DictReader(io.StringIO(TYPED.decode())))
    for row, text in zip(found.records, texts, strict=True):
        missing = {name: str(not value) for name, value in text.items()}
        assert {name: row[f"no {name}"] for name in text} == missing
    assert [row["i"] for row in found.records] == ["1", "", "9007199254740993"]
    assert [row["b"] for row in found.records] == ["True", "", "False"]
    assert [row["day"] for row in found.records] == ["2024-02-29", "2024-03-01", ""]
    assert [row["kind"] for row in found.records] == ["a", "NA", ""]
    assert [row["ratio"] for row in found.records] == ["", "", ""]  # NaN is a missing value


FIRST_FIELDS, SECOND_FIELDS = st.sampled_from(["", "1", "-7", "2.5", "x"]), st.sampled_from(["", "a", '"b,"'])


@settings(max_examples=50)
@given(
    rows=st.lists(st.tuples(FIRST_FIELDS, SECOND_FIELDS), min_size=1),
    cuts=st.lists(st.tuples(st.integers(1, 9), st.integers(1, 80)), min_size=1, max_size=2),
)
def test_same_bytes_for_any_chunks(
    tmp_path_factory: pytest.TempPathFactory, packages: Path, rows: list[tuple[str, str]], cuts: list[tuple[int, int]]
) -> None:
    directory = tmp_path_factory.mktemp("job")
    source, processor = directory / "data.csv", directory / "mine.py"
    source.write_text("a,b\n" + "".join(f"{a},{b}\n" for a, b in rows))
    processor.write_text(
        'import polars as pl\n\nBLOCK = "polars"\n\n'
        'def process(block, context):\n    return block.with_columns(both=pl.concat_str("a", "b"))\n'
    )
    every = dict.fromkeys([(1, 1 << 20), *cuts])
    run_with_all_cuts(directory, source, cuts=every, processor=str(processor), requirements=packages)


def test_rows_that_fail_are_rejected(tmp_path: Path, job: Callable[[str], dict[str, Any]]) -> None:
    source = tmp_path / "data.csv"
    source.write_text("a,b\n1,x\n2,y\n0,z\n5,w\n")
    failing = (
        'BLOCK = "polars"\n\ndef process(block, context):\n    if 0 in block["a"]:\n        raise ValueError("zero")\n'
        "    return block\n"
    )

    found = run_with_all_cuts(tmp_path, source, on_error="quarantine", **job(failing))

    assert found.data == b"a,b\n1,x\n2,y\n5,w\n"
    assert [row[0] for row in found.rejects] == ["3"]


@pytest.mark.parametrize(
    ("result", "message"),
    [
        ("block.lazy()", "returned LazyFrame, but process, combine and finish must return a DataFrame"),
        ("block.with_columns(pl.Series('a', [{1}], dtype=pl.Object))", "column 'a' with the dtype Object: cast it"),
        ("block.with_columns(pl.col('a').cast(pl.Int128))", "a column whose dtype has no Arrow type"),
    ],
)
def test_results_without_columns_of_text(
    tmp_path: Path, job: Callable[[str], dict[str, Any]], result: str, message: str
) -> None:
    source = tmp_path / "data.csv"
    source.write_text("a,b\n1,x\n")
    processor = f'import polars as pl\n\nBLOCK = "polars"\n\ndef process(block, context):\n    return {result}\n'

    with pytest.raises(CsvswarmError, match=message):
        run_in_process(tmp_path, source, **job(processor))


def run_scripts(tmp_path: Path, request: dict[str, Any]) -> tuple[Scripts, Result | str]:
    """The scripts in processes of their own, as a user runs them; a result, or the message of the stage that failed."""
    scripts = Scripts(tmp_path)
    split = scripts.split(SAMPLE, *(f"--{name}={value}" for name, value in request.items()), "--chunks=3")
    if split.code:
        return scripts, split.message
    processed = scripts.process("--workers", "2")
    if processed.code:
        return scripts, processed.message
    assert scripts.collect().code == 0
    return scripts, Result((scripts.output / "result.csv").read_bytes())


def test_workers_share_the_packages(tmp_path: Path, job: Callable[[str], dict[str, Any]]) -> None:
    _, found = run_scripts(tmp_path, job(DISTANCES))

    assert found == run_in_process(tmp_path, SAMPLE, **job(DISTANCES))


def test_polars_that_ran_before_the_workers_were_forked_is_refused(
    tmp_path: Path, job: Callable[[str], dict[str, Any]]
) -> None:
    early = DISTANCES.replace("columns =", "N = pl.DataFrame({'a': [1, 2]}).group_by('a').agg(pl.len())\ncolumns =")

    _, message = run_scripts(tmp_path, job(early))

    assert isinstance(message, str)
    assert "processor mine computes with polars while its file is loaded" in message


@pytest.mark.parametrize(
    ("first", "message"),
    [
        ("", 'processor mine sets BLOCK = "polars", but the package polars is missing: pass -e requirements=FILE'),
        ("import polars\n", "No module named 'polars'. Pass a list of its packages as -e requirements=FILE."),
    ],
)
def test_missing_package_is_reported_before_the_work(tmp_path: Path, first: str, message: str) -> None:
    processor = tmp_path / "mine.py"
    processor.write_text(f'{first}BLOCK = "polars"\n\ndef process(block, context):\n    return block\n')

    scripts, found = run_scripts(tmp_path, {"processor": processor})

    assert isinstance(found, str)
    assert message in found
    assert scripts.shows_no_result()


def test_unknown_form_of_a_block_is_refused(tmp_path: Path) -> None:
    processor = tmp_path / "mine.py"
    processor.write_text('BLOCK = "arrow"\n\ndef process(block, context):\n    return block\n')

    with pytest.raises(CsvswarmError, match="mine sets BLOCK = 'arrow', but it must be one of frame, polars, rows"):
        run_in_process(tmp_path, SAMPLE, processor=str(processor))
