"""The examples of files/processors/README.md, run beside plain pandas on the whole file."""

from __future__ import annotations

import functools
import math
import operator
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from csvswarm.processor_api.loader import load_processor

from tests.support.jobs import ROOT, SAMPLE, Result, run_with_all_cuts, write_csv
from tests.support.packages import need_index

README = ROOT / "files/processors/README.md"
EXAMPLES = dict(
    re.findall(r"^<!-- example: (\w+\.py) -->\n```python\n(.*?)^```$", README.read_text(), re.MULTILINE | re.DOTALL)
)
#: (number of chunks, bytes of a block)
CUTS = ((1, 1 << 23), (1, 1 << 16), (2, 1 << 20), (5, 1 << 14), (40, 1 << 20))
SMALL_CUTS = ((1, 1 << 20), (1, 16), (3, 8), (9, 64), (40, 16))


@pytest.fixture
def example(tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """The path of one of the README's files."""
    path = tmp_path / str(request.param)
    path.write_text(EXAMPLES[path.name])
    return str(path)


@pytest.fixture(scope="module")
def flights() -> pd.DataFrame:
    whole = dict.fromkeys(("dep_delay", "arr_delay", "air_time"), "Int64")
    return pd.read_csv(SAMPLE, dtype=whole)


def the_example(name: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("example", [name], indirect=True)


def as_bytes(frame: pd.DataFrame) -> bytes:
    return frame.to_csv(index=False).encode()


def test_every_python_block_is_a_tested_example() -> None:
    tested = set(re.findall(r'@the_example\("(\w+\.py)"\)', Path(__file__).read_text()))

    assert README.read_text().count("```python") == len(EXAMPLES)
    assert tested == set(EXAMPLES)


def test_ten_line_example_has_ten_lines() -> None:
    assert len(EXAMPLES["made_up.py"].splitlines()) <= 10


@the_example("made_up.py")
def test_map_example_matches_pandas(tmp_path: Path, example: str, flights: pd.DataFrame) -> None:
    result = run_with_all_cuts(tmp_path, SAMPLE, cuts=CUTS, processor=example, options={"at_least": 30})

    made_up = flights.assign(made_up=flights["dep_delay"] - flights["arr_delay"])
    expected = made_up[made_up["made_up"] >= 30][["carrier", "flight", "made_up"]]
    assert len(expected) > 100
    assert result.data == as_bytes(expected)


@the_example("distance.py")
def test_integer_sum_example_matches_pandas(tmp_path: Path, example: str, flights: pd.DataFrame) -> None:
    result = run_with_all_cuts(tmp_path, SAMPLE, cuts=CUTS, processor=example)

    assert result.data == as_bytes(flights.groupby("carrier")["distance"].sum().reset_index())


@the_example("hours.py")
def test_float_sum_example_is_exact(tmp_path: Path, example: str, flights: pd.DataFrame) -> None:
    result = run_with_all_cuts(tmp_path, SAMPLE, cuts=CUTS, processor=example)

    hours = flights.assign(hours=flights["air_time"].astype("float64") / 60).dropna(subset=["hours"])
    expected = hours.groupby("carrier")["hours"].agg(math.fsum).reset_index()
    assert result.data == as_bytes(expected)


@the_example("hours.py")
def test_float_sum_example_keeps_groups_without_rows(tmp_path: Path, example: str) -> None:
    source = write_csv(tmp_path / "few.csv", ["carrier", "air_time"], [["A", 0], ["B", None], ["C", 90], ["C", -30]])

    result = run_with_all_cuts(tmp_path, source, cuts=SMALL_CUTS, processor=example)

    assert result.data == b"carrier,hours\nA,0.0\nC,1.0\n"


def naive_rolling_mean(values: pd.Series[float], rows: int) -> Iterator[float]:
    """Sum each window separately, value by value."""
    numbers = values.astype("float64").tolist()
    for end in range(1, len(numbers) + 1):
        window = numbers[max(0, end - rows) : end]
        # not sum(): from Python 3.12 on it is more exact than that
        yield functools.reduce(operator.add, window) / rows if len(window) == rows else math.nan


@the_example("airports.py")
def test_airports_example_reads_its_side_file(tmp_path: Path, example: str, flights: pd.DataFrame) -> None:
    (tmp_path / "airports.csv").write_text("ORD,O'Hare\nMIA,Miami\n")

    result = run_with_all_cuts(tmp_path, SAMPLE, cuts=CUTS, processor=example, files=[tmp_path / "airports.csv"])

    names = flights["dest"].map({"ORD": "O'Hare", "MIA": "Miami"})
    assert names.notna().any()
    assert result.data == as_bytes(flights[["flight", "dest"]].assign(airport=names))


@the_example("delayed.py")
def test_polars_example_matches_pandas(tmp_path: Path, example: str, flights: pd.DataFrame) -> None:
    need_index(tmp_path)
    (tmp_path / "requirements.txt").write_text("polars\n")

    found = run_with_all_cuts(
        tmp_path, SAMPLE, cuts=CUTS, processor=example, requirements=tmp_path / "requirements.txt"
    )

    delays = flights[["dep_delay", "arr_delay", "carrier"]]
    made_up = delays.assign(made_up=delays["dep_delay"] - delays["arr_delay"])
    right = made_up[made_up["made_up"] >= 30]
    assert found.data == as_bytes(right[found.header])


@the_example("rolling_mean.py")
def test_rolling_mean_example_matches_pandas(tmp_path: Path, example: str, flights: pd.DataFrame) -> None:
    options = {"column": "dep_delay", "rows": 12}

    result = run_with_all_cuts(tmp_path, SAMPLE, cuts=CUTS, processor=example, options=options)

    column = flights[["dep_delay"]]
    assert result.data == as_bytes(column.assign(rolling_mean=list(naive_rolling_mean(column["dep_delay"], 12))))
    ours = pd.Series([float(row[1] or "nan") for row in result.rows])
    np.testing.assert_allclose(ours, column["dep_delay"].astype("float64").rolling(12).mean(), rtol=0, atol=1e-9)


@the_example("rolling_mean.py")
@pytest.mark.parametrize("rows", [1, 7, 50])
def test_rolling_mean_example_is_independent_of_blocks(tmp_path: Path, example: str, rows: int) -> None:
    random = np.random.default_rng(rows)
    numbers: list[float | None] = (random.normal(size=150) * 10.0 ** random.integers(-6, 6, 150)).tolist()
    numbers[40:150:60] = [None] * len(numbers[40:150:60])
    source = write_csv(tmp_path / "numbers.csv", ["x"], [[value] for value in numbers])
    # A blank line is not a record, so a missing value in a file of one column needs quotes.
    source.write_text(source.read_text().replace('""', "NA"))

    result = run_with_all_cuts(
        tmp_path, source, cuts=SMALL_CUTS, processor=example, options={"column": "x", "rows": rows}
    )

    means = [float(row[1] or "nan") for row in result.rows]
    np.testing.assert_array_equal(means, list(naive_rolling_mean(pd.Series(numbers), rows)))
    assert result.header == ["x", "rolling_mean"]


@the_example("rolling_mean.py")
def test_rolling_mean_of_fewer_rows_than_the_window_is_missing(tmp_path: Path, example: str) -> None:
    source = write_csv(tmp_path / "few.csv", ["x", "y"], [[1, 2], [3, 4]])

    result = run_with_all_cuts(tmp_path, source, cuts=SMALL_CUTS, processor=example, options={"column": "x", "rows": 3})

    assert result.data == b"x,rolling_mean\n1,\n3,\n"


def test_running_sum_depends_on_block_starts(tmp_path: Path) -> None:
    """The README's warning is true: pandas' own rolling changes with the blocks."""
    path = tmp_path / "running.py"
    path.write_text(
        "OVERLAP = 2\n\n\ndef process(block, context):\n"
        '    return block.assign(mean=block["x"].rolling(3).mean()).iloc[context.overlap:]\n'
    )
    random = np.random.default_rng(3)
    source = write_csv(tmp_path / "numbers.csv", ["x", "y"], [[x, 0] for x in random.normal(size=300).tolist()])

    with pytest.raises(AssertionError):
        run_with_all_cuts(tmp_path, source, cuts=SMALL_CUTS, processor=str(path))


def test_examples_declare_their_columns(tmp_path: Path) -> None:
    for name, text in EXAMPLES.items():
        if name == "delayed.py":  # needs polars to be loaded
            continue
        (tmp_path / name).write_text(text)
        processor = load_processor(tmp_path / name)
        assert processor.module.__doc__, name


# -- what the README documents of a block ------------------------------------------------------------------------------

TYPES = """
import pandas as pd


def process(block, context):
    types = {name: f"{context.type_of(name)} {block[name].dtype}" for name in block}
    return pd.DataFrame([types], index=block.index[:1])
"""


def dtypes(tmp_path: Path, rows: list[str]) -> dict[str, str]:
    (tmp_path / "types.py").write_text(TYPES)
    source = tmp_path / "data.csv"
    source.write_text("i,f,b,s,t,q\n" + "".join(f"{row}\n" for row in rows))
    result: Result = run_with_all_cuts(
        tmp_path,
        source,
        cuts=((1, 8), (3, 8)),
        processor=str(tmp_path / "types.py"),
        column_types={"t": "timestamp"},
    )
    assert all(record == result.records[0] for record in result.records)
    assert len(result.records) > 3
    return {value.split()[0]: value.split()[1] for value in result.records[0].values()}


def test_dtype_table(tmp_path: Path) -> None:
    row = re.compile(r"^\| (\w+)(?: \(.*\))? \| (?:`([\w\[\]]+)`)? ?\| `([\w\[\]]+)` \|$", re.MULTILINE)
    table = row.findall(README.read_text())
    whole = '1,0.5,True,x,2024-01-02,""'
    gaps = "NA,NA,NA,NA,NA,NA"
    (tmp_path / "whole").mkdir()
    (tmp_path / "gaps").mkdir()
    (tmp_path / "null").mkdir()

    without = dtypes(tmp_path / "whole", [whole] * 8)
    # the gaps come last, so the first blocks know of them only because the types are those of the whole file
    with_gaps = dtypes(tmp_path / "gaps", [whole] * 8 + [gaps])

    assert {name: dtype for name, dtype, _ in table if dtype} == without
    nothing = dtypes(tmp_path / "null", ["NA,0.5,True,x,2024-01-02,NA"] * 8)["null"]
    assert {name: dtype for name, _, dtype in table} == {**with_gaps, "null": nothing}
