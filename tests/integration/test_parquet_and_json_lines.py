"""Parquet and JSON lines in: the same result as that of the CSV of the same values, written here with Python alone."""

from __future__ import annotations

import bz2
import datetime as dt
import decimal
import gzip
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from csvswarm.errors import InputError, OptionError
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.jobs import Result, run_with_all_cuts
from tests.support.many_files import CUTS, record, run, write

Table = dict[str, list[Any]]


def rows_of(table: Table) -> list[tuple[Any, ...]]:
    return list(zip(*table.values(), strict=True))


def as_csv(table: Table) -> str:
    """Texts in quotes, missing values empty, numbers as Python writes them."""

    def text(value: Any) -> str:
        if value is None:
            return "NA" if len(table) == 1 else ""
        return '"' + value.replace('"', '""') + '"' if isinstance(value, str) else repr(value)

    lines = [",".join(map(text, table)), *(",".join(map(text, row)) for row in rows_of(table))]
    return "".join(f"{line}\n" for line in lines)


def as_json_lines(table: Table, *, sparse: bool = False) -> str:
    """sparse: leave out members that are missing, but not in the first object, so that the order of names is kept."""
    objects = [dict(zip(table, row, strict=True)) for row in rows_of(table)]
    if sparse:
        objects[1:] = [{name: value for name, value in one.items() if value is not None} for one in objects[1:]]
    return "".join(f"{json.dumps(one)}\n" for one in objects)


def as_parquet(path: Path, table: Table, **options: Any) -> Path:
    pq.write_table(pa.table(table), path, **options)
    return path


def results(directory: Path, table: Table, **request: Any) -> list[Result]:
    """The results of a table as CSV, as Parquet, and as JSON lines in two ways."""
    lines, sparse = as_json_lines(table), as_json_lines(table, sparse=True)
    write(directory, {"csv": as_csv(table), "all.jsonl": lines, "sparse.jsonl": sparse})
    as_parquet(directory / "data/parquet", table, row_group_size=2)
    names = ("csv", "parquet", "all.jsonl", "sparse.jsonl")
    return [run(directory / f"of-{name}", directory / "data" / name, **request) for name in names]


TABLE: Table = {
    "id": [1, 2, 3, 4],
    "code": ["007", "a", "NA", ""],
    "amount": [1.5, None, -2.0, 1e300],
    "count": [1, None, 3, 2**53 + 1],
    "is": [True, None, False, True],
    "note": ['say "hi", you', "two\nlines", "é\u2028", None],
}


def test_the_results_of_all_formats_are_the_same(tmp_path: Path) -> None:
    first, *others = results(tmp_path, TABLE)

    assert all(other == first for other in others)
    assert first.records[0] == {
        "id": "1", "code": "007", "amount": "1.5", "count": "1", "is": "True", "note": 'say "hi", you',
    }  # fmt: skip
    assert b'\n3,"NA",-2.0,3,False,' in first.data


def test_a_single_column(tmp_path: Path) -> None:
    """A blank line would be no record."""
    first, *others = results(tmp_path, {"v": ["x", None, "", "NA", None]})

    assert all(other == first for other in others)
    assert len(first.rows) == 5


def test_statistics_are_those_of_pandas(tmp_path: Path) -> None:
    values = [None if number % 7 == 0 else number / 8 for number in range(200)]
    path = as_parquet(tmp_path / "v.parquet", {"v": values}, row_group_size=30)

    result = run_with_all_cuts(tmp_path, path, cuts=CUTS)

    figures = dict(zip(result.header, result.rows[0], strict=True))
    frame = pd.read_parquet(path)
    assert (int(figures["count"]), int(figures["missing"])) == (frame["v"].count(), frame["v"].isna().sum())
    assert float(figures["mean"]) == frame["v"].mean()


def test_other_types_have_their_canonical_text(tmp_path: Path) -> None:
    moment = dt.datetime(2024, 1, 31, 10, 30, 0, 250000)
    table: Table = {
        "date": [dt.date(2024, 1, 31), None],
        "moment": [moment, None],
        "decimal": [decimal.Decimal("1.50"), None],
        "list": [[1, 2], None],
        "struct": [{"k": "é"}, None],
        "bytes": [b"text", None],
        "unsigned": pa.array([2**64 - 1, None], pa.uint64()),
        "kind": pa.array(["x", None]).dictionary_encode(),
        "none": [None, None],
    }
    path = as_parquet(tmp_path / "t.parquet", table)

    result = run_with_all_cuts(tmp_path, path, cuts=CUTS, processor="transform")

    assert result.rows[0] == [
        "2024-01-31", "2024-01-31 10:30:00.25", "1.50", "[1, 2]", '{"k": "é"}', "text", str(2**64 - 1), "x", "",
    ]  # fmt: skip
    assert result.rows[1] == [""] * len(table)


def test_numbers_in_json_lines_keep_their_text(tmp_path: Path) -> None:
    """A 20-digit number has no float; nested values are JSON."""
    lines = '{"a": 12345678901234567890, "b": 1.10, "c": {"d": [1, 2.5, "x"]}}\r\n\r\n{"c": [], "a": 1}\r\n'
    folder = write(tmp_path, {"x.json": lines})

    result = run_with_all_cuts(tmp_path, folder / "x.json", cuts=CUTS, processor="transform")

    assert result.rows == [["12345678901234567890", "1.10", '{"d": [1, 2.5, "x"]}'], ["1", "", "[]"]]


@pytest.mark.parametrize("name", ["data.jsonl", "data.jsonl.gz", "data.bz2"])
def test_json_lines_are_recognized_by_content_or_name(tmp_path: Path, name: str) -> None:
    packers: dict[str, Callable[[bytes], bytes]] = {"gz": gzip.compress, "bz2": bz2.compress}
    packed = packers.get(name.rpartition(".")[2], bytes)
    text = '{"a": 1}\n' if ".jsonl" in name else '{"a": 1}\n{"a": 2}\n'
    folder = write(tmp_path, {name: packed(b"\xef\xbb\xbf" + text.encode())})

    assert run(tmp_path, folder / name).header == ["a"]


def test_all_formats_are_one_input(tmp_path: Path) -> None:
    folder = write(tmp_path, {"a.csv": "x;y\n1;u\n", "b.jsonl": '{"y": "v", "x": 2}\n'})
    as_parquet(folder / "c.parquet", {"y": ["w", None], "x": [3, 4]})

    result = run(tmp_path, folder, source_file=True)

    assert result.rows == [
        ["1", "u", "a.csv"],
        ["2", "v", "b.jsonl"],
        ["3", "w", "c.parquet"],
        ["4", "", "c.parquet"],
    ]
    assert any("b.jsonl differs" in text and "it is JSON lines" in text for text in record(tmp_path)["decisions"])


def test_an_empty_table_has_its_header(tmp_path: Path) -> None:
    path = as_parquet(tmp_path / "e.parquet", {"a": pa.array([], pa.int64()), "b": pa.array([], pa.string())})

    assert run(tmp_path, path).data == b"a,b\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": 1}\n{"a": 2}\n{"a": 3\n', "line 3 is not JSON, unlike the lines before it"),
        ('{"a": 1}\n{"a": 2}\n\n[3]\n', "line 4 is not a JSON object: '[3]'"),
        ("[1, 2]\n[3, 4]\n", "is not a CSV file but JSON lines without names"),
        ("{}\n{}\n", "has no columns: its objects have no members"),
    ],
)
def test_lines_that_are_not_objects_are_refused(tmp_path: Path, text: str, message: str) -> None:
    folder = write(tmp_path, {"x.jsonl": text})

    with pytest.raises(InputError) as error:
        run(tmp_path, folder / "x.jsonl")

    assert message in str(error.value)
    assert str(folder / "x.jsonl") in str(error.value)


def test_a_damaged_parquet_file_is_refused(tmp_path: Path) -> None:
    path = as_parquet(tmp_path / "x.parquet", TABLE)
    path.write_bytes(path.read_bytes()[:-20])

    with pytest.raises(InputError, match=r"x\.parquet is a damaged Parquet file"):
        run(tmp_path, path)


def test_binary_data_is_refused_by_column(tmp_path: Path) -> None:
    path = as_parquet(tmp_path / "x.parquet", {"picture": [b"\xff\xd8"]})

    with pytest.raises(InputError, match="column 'picture' is binary data, not UTF-8 text"):
        run(tmp_path, path)


@pytest.mark.parametrize("option", [{"delimiter": ";"}, {"skip_lines": 1}, {"header": False}, {"comment": "#"}])
def test_options_of_text_are_refused(tmp_path: Path, option: dict[str, Any]) -> None:
    path = as_parquet(tmp_path / "x.parquet", TABLE)

    with pytest.raises(OptionError, match=f"x.parquet is Parquet: leave out {next(iter(option))}, which is for text"):
        run(tmp_path, path, **option)


COLUMNS: Sequence[st.SearchStrategy[Any]] = (
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(),
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=5)
    | st.sampled_from(["NA", "", "007", "1"]),
)


@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_any_table_has_the_result_of_its_csv(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    rows = data.draw(st.integers(1, 6))
    kinds = data.draw(st.lists(st.sampled_from(COLUMNS), min_size=1, max_size=3))
    table: Table = {
        f"c{number}": data.draw(st.lists(kind | st.none(), min_size=rows, max_size=rows))
        for number, kind in enumerate(kinds)
    }
    first, *others = results(tmp_path_factory.mktemp("table"), table)
    assert all(other == first for other in others)
