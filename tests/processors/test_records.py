"""sort, top, distinct and sample, compared with pandas on the whole file; records keep their bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest import mock

import pandas as pd
import pytest
from csvswarm.errors import CsvswarmError
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.processors.record_tables import HEADER, RecordTable, tables
from tests.support.jobs import SAMPLE, Result, run_in_process, run_with_all_cuts, write_csv

SAMPLE_CUTS = ((1, 1 << 20), (3, 1 << 18), (7, 1 << 16))
some_columns = st.lists(st.sampled_from(HEADER), min_size=1, max_size=3, unique=True)


@pytest.fixture(scope="module")
def flights() -> pd.DataFrame:
    return pd.read_csv(SAMPLE)


@pytest.fixture(scope="module")
def lines() -> list[bytes]:
    return SAMPLE.read_bytes().splitlines(keepends=True)


def run_sample(directory: Path, processor: str, **options: Any) -> bytes:
    return run_with_all_cuts(directory, SAMPLE, cuts=SAMPLE_CUTS, processor=processor, options=options).data


def records_of(lines: list[bytes], frame: pd.DataFrame) -> bytes:
    return b"".join([lines[0], *(lines[position + 1] for position in frame.index)])


def sort_values(frame: pd.DataFrame, by: list[str], ascending: list[bool], missing: Any) -> pd.DataFrame:
    """Sort a frame stably by one column after the other: pandas' own sort by several is not stable when descending."""
    for name, is_ascending in reversed(list(zip(by, ascending, strict=True))):
        frame = frame.sort_values(name, ascending=is_ascending, na_position=missing, kind="stable")
    return frame


# -- the sample --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("missing", ["first", "last"])
@pytest.mark.parametrize("ascending", [[True, True], [False, True], [True, False]])
def test_sort_of_the_sample_matches_pandas(
    tmp_path: Path, flights: pd.DataFrame, lines: list[bytes], ascending: list[bool], missing: str
) -> None:
    ours = run_sample(tmp_path, "sort", by=["dep_delay", "tailnum"], ascending=ascending, missing=missing)

    assert ours == records_of(lines, sort_values(flights, ["dep_delay", "tailnum"], ascending, missing))


def test_top_of_each_group_of_the_sample_matches_pandas(
    tmp_path: Path, flights: pd.DataFrame, lines: list[bytes]
) -> None:
    ours = run_sample(tmp_path, "top", by=["arr_delay"], n=3, group_by=["origin", "carrier"])

    ranked = flights.sort_values("arr_delay", ascending=False, kind="stable")
    expected = ranked.groupby(["origin", "carrier"]).head(3).sort_values(["origin", "carrier"], kind="stable")
    assert ours == records_of(lines, expected)


@pytest.mark.parametrize("keep", ["first", "last"])
def test_distinct_of_the_sample_matches_pandas(
    tmp_path: Path, flights: pd.DataFrame, lines: list[bytes], keep: Any
) -> None:
    ours = run_sample(tmp_path, "distinct", by=["origin", "dest"], keep=keep)

    assert ours == records_of(lines, flights.drop_duplicates(["origin", "dest"], keep=keep))


def test_states_in_files_give_the_same_result(tmp_path: Path, flights: pd.DataFrame, lines: list[bytes]) -> None:
    """With little memory, every state is an external merge of many sorted files."""
    limits: dict[str, Any] = {"MAX_BYTES_IN_MEMORY": 1 << 16, "BATCH_BYTES": 1 << 12, "FAN_IN": 3}
    with mock.patch.multiple("csvswarm.partials.sorted_runs", **limits):
        by_tail = run_in_process(
            tmp_path, SAMPLE, chunks=3, block_bytes=1 << 16, processor="distinct", options={"by": ["tailnum"]}
        )
        by_time = run_in_process(
            tmp_path / "sort", SAMPLE, chunks=3, block_bytes=1 << 16, processor="sort", options={"by": ["air_time"]}
        )

    assert by_tail.data == records_of(lines, flights.drop_duplicates(["tailnum"]))
    assert by_time.data == records_of(lines, flights.sort_values("air_time", kind="stable"))
    assert not list(tmp_path.rglob("*.run*"))
    assert not list(tmp_path.rglob("merge-*"))


# -- any table ---------------------------------------------------------------------------------------------------------


@settings(max_examples=25)
@given(rows=tables, by=some_columns, data=st.data(), missing=st.sampled_from(["first", "last"]))
def test_sort_of_any_table_matches_pandas(
    tmp_path_factory: pytest.TempPathFactory, rows: Any, by: list[str], data: st.DataObject, missing: str
) -> None:
    ascending = data.draw(st.lists(st.booleans(), min_size=len(by), max_size=len(by)))
    table = RecordTable.write(tmp_path_factory.mktemp("sort"), rows)

    result = table.run("sort", by=by, ascending=ascending, missing=missing)

    expected = sort_values(table.frame, by, ascending, missing)
    assert result.data == table.bytes_of(expected.index.tolist())


@settings(max_examples=25)
@given(rows=tables, by=some_columns, group_by=some_columns | st.none(), n=st.integers(1, 4), dropna=st.booleans())
def test_top_of_any_table_matches_pandas(
    tmp_path_factory: pytest.TempPathFactory,
    rows: Any,
    by: list[str],
    group_by: list[str] | None,
    n: int,
    dropna: bool,
) -> None:
    table = RecordTable.write(tmp_path_factory.mktemp("top"), rows)

    result = table.run("top", by=by, group_by=group_by, n=n, dropna=dropna)

    ranked = sort_values(table.frame, by, [False] * len(by), "last")
    if group_by:
        ranked = ranked.dropna(subset=group_by) if dropna else ranked
        ranked = sort_values(ranked, group_by, [True] * len(group_by), "last")
        expected = ranked.groupby(group_by, dropna=False, sort=False).head(n)
    else:
        expected = ranked.head(n)
    assert result.data == table.bytes_of(expected.index.tolist())


@settings(max_examples=25)
@given(rows=tables, by=some_columns | st.none(), keep=st.sampled_from(["first", "last"]))
def test_distinct_of_any_table_matches_pandas(
    tmp_path_factory: pytest.TempPathFactory, rows: Any, by: list[str] | None, keep: Any
) -> None:
    table = RecordTable.write(tmp_path_factory.mktemp("distinct"), rows)

    result = table.run("distinct", by=by, keep=keep)

    assert result.data == table.bytes_of(table.frame.drop_duplicates(by, keep=keep).index.tolist())


@settings(max_examples=15)
@given(rows=tables, n=st.integers(1, 30), seed=st.integers(0, 3))
def test_sample_draws_n_records_of_any_table(
    tmp_path_factory: pytest.TempPathFactory, rows: Any, n: int, seed: int
) -> None:
    table = RecordTable.write(tmp_path_factory.mktemp("sample"), rows)

    result = table.run("sample", n=n, seed=seed)

    assert len(result.rows) == min(n, len(rows))
    remaining = iter(table.lines)
    drawn = result.data.decode().removeprefix(",".join(HEADER) + "\n")
    while drawn:  # in the order of the file
        line = next(line for line in remaining if drawn.startswith(line))
        drawn = drawn.removeprefix(line)


# -- sample ------------------------------------------------------------------------------------------------------------


def test_fraction_draws_about_that_share_and_seeds_differ(tmp_path: Path, lines: list[bytes]) -> None:
    first = run_sample(tmp_path / "first", "sample", fraction=0.25)
    second = run_sample(tmp_path / "second", "sample", fraction=0.25, seed=1)

    total = len(lines) - 1
    for drawn in first, second:
        count = len(drawn.splitlines()) - 1
        assert abs(count - total / 4) < 5 * (total * 0.25 * 0.75) ** 0.5  # five standard deviations
        assert set(drawn.splitlines(keepends=True)) <= set(lines)
    assert first != second


@pytest.mark.parametrize(("fraction", "expected"), [(0, 0), (1, 1)])
def test_fraction_0_and_1_draw_nothing_and_all(
    tmp_path: Path, lines: list[bytes], fraction: float, expected: int
) -> None:
    assert run_sample(tmp_path, "sample", fraction=fraction) == b"".join(lines if expected else lines[:1])


def test_sample_by_values_keeps_them_together(tmp_path: Path, flights: pd.DataFrame) -> None:
    drawn = run_with_all_cuts(
        tmp_path, SAMPLE, cuts=SAMPLE_CUTS, processor="sample", options={"fraction": 0.3, "by": ["tailnum"]}
    )

    counts = pd.Series([record["tailnum"] for record in drawn.records]).value_counts()
    assert 0.2 < len(counts) / flights["tailnum"].nunique() < 0.4
    whole = flights["tailnum"].fillna("NA").value_counts()
    assert (counts == whole[counts.index]).all()


# -- dialects and options ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("processor", ["sort", "distinct"])
def test_dialect_and_byte_order_mark_are_those_of_the_input(tmp_path: Path, processor: str) -> None:
    source = tmp_path / "data.csv"
    source.write_bytes('\ufeffä;"b"\r\n2;x\r\n1;"y;z"\r\n'.encode())
    by = ["ä"]

    result = run_with_all_cuts(tmp_path, source, processor=processor, options={"by": by})

    order = '1;"y;z"\r\n2;x\r\n' if processor == "sort" else '2;x\r\n1;"y;z"\r\n'
    assert result.data == ('\ufeffä;"b"\r\n' + order).encode()


@pytest.mark.parametrize(
    ("processor", "options"),
    [("sort", {"by": ["a"]}), ("top", {"by": ["a"]}), ("distinct", {}), ("sample", {"n": 3})],
)
def test_file_without_records_gives_the_header(tmp_path: Path, processor: str, options: dict[str, Any]) -> None:
    source = write_csv(tmp_path / "data.csv", ["a", "b"], [])

    assert run_with_all_cuts(tmp_path, source, processor=processor, options=options).data == b"a,b\n"


def failure(directory: Path, processor: str, **options: Any) -> str:
    source = write_csv(directory / "data.csv", ["a", "b"], [[1, 2]])
    with pytest.raises(CsvswarmError) as error:
        run_in_process(directory, source, processor=processor, options=options)
    return str(error.value)


@pytest.mark.parametrize(
    ("processor", "options", "message"),
    [
        ("sort", {}, "processor sort needs the option 'by' (columns to sort by): add it to -e options."),
        ("sort", {"by": []}, "option 'by' of sort is an empty list: name at least one column."),
        ("sort", {"by": ["x"]}, "option 'by' of sort names a column 'x', but the file has: a, b."),
        ("sort", {"by": ["a", "a"]}, "option 'by' of sort names 'a' twice."),
        (
            "sort",
            {"by": ["a", "b"], "ascending": [True, False, True]},
            (
                "option 'ascending' of sort has 3 values, but 'by' names 2 columns: "
                "pass one value for all, or one for each."
            ),
        ),
        (
            "sort",
            {"by": ["a"], "missing": "middle"},
            "option 'missing' of processor sort is 'middle', but must be one of last, first.",
        ),
        ("top", {"by": ["a"], "n": 0}, "option 'n' of processor top is 0, but must be at least 1."),
        ("top", {"by": ["a"], "group_by": []}, "option 'group_by' of top is an empty list: name at least one column."),
        ("distinct", {"by": ["c"]}, "option 'by' of distinct names a column 'c', but the file has: a, b."),
        ("distinct", {"keep": "any"}, "option 'keep' of processor distinct is 'any', but must be one of first, last."),
        ("sample", {}, "sample needs one of the options 'fraction' and 'n'."),
        ("sample", {"fraction": 0.5, "n": 1}, "sample needs one of the options 'fraction' and 'n'."),
        ("sample", {"fraction": 2}, "option 'fraction' of sample is 2.0, but must be from 0 to 1."),
        (
            "sample",
            {"n": 2, "by": ["a"]},
            "option 'by' of sample needs 'fraction': n records cannot be drawn by their values.",
        ),
    ],
)
def test_wrong_options_are_reported(tmp_path: Path, processor: str, options: dict[str, Any], message: str) -> None:
    assert failure(tmp_path, processor, **options) == message


def test_one_value_of_ascending_is_for_all_columns(tmp_path: Path) -> None:
    source = write_csv(tmp_path / "data.csv", ["a", "b"], [[1, 2], [2, 1], [2, 3]])

    result: Result = run_with_all_cuts(
        tmp_path, source, processor="sort", options={"by": ["a", "b"], "ascending": False}
    )

    assert result.rows == [["2", "3"], ["2", "1"], ["1", "2"]]
