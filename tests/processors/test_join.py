"""join, compared with pandas' merge on the whole file."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from csvswarm.errors import CsvswarmError
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.processors.record_tables import HEADER, RecordTable, tables
from tests.support.jobs import SAMPLE, Result, run_in_process, run_with_all_cuts, write_csv

SAMPLE_CUTS = ((1, 1 << 20), (3, 1 << 18), (7, 1 << 16))
CARRIERS = 'carrier,name,code\nUA,United,007\nAA,"American, Inc.",012\nDL,NA,\nXX,None of them,9\n'


@pytest.fixture
def carriers(tmp_path: Path) -> Path:
    path = tmp_path / "carriers.csv"
    path.write_text(CARRIERS)
    return path


def join(directory: Path, source: Path, lookup: Path, **options: Any) -> Result:
    cuts: dict[str, Any] = {"cuts": SAMPLE_CUTS} if source == SAMPLE else {}
    return run_with_all_cuts(
        directory, source, processor="join", files=[lookup], options={"file": lookup.name, **options}, **cuts
    )


@pytest.mark.parametrize("how", ["left", "inner"])
def test_join_of_the_sample_matches_merge(tmp_path: Path, carriers: Path, how: Any) -> None:
    ours = join(tmp_path, SAMPLE, carriers, on=["carrier"], how=how)

    text: dict[str, Any] = {"dtype": str, "keep_default_na": False}
    expected = pd.read_csv(SAMPLE, **text).merge(pd.read_csv(carriers, **text), on="carrier", how=how)
    expected["name"] = expected["name"].replace("NA", "")
    assert ours.header == list(expected)
    assert ours.rows == expected.fillna("").to_numpy().tolist()


def test_anti_join_gives_the_records_without_a_key_unchanged(tmp_path: Path, carriers: Path) -> None:
    ours = join(tmp_path, SAMPLE, carriers, on="carrier", how="anti")

    header, *lines = SAMPLE.read_bytes().splitlines(keepends=True)
    known = (b",UA,", b",AA,", b",DL,", b",XX,")
    assert ours.data == header + b"".join(line for line in lines if not any(key in line for key in known))


keys = st.lists(st.sampled_from(["b", "B", "ä", "10", "9", "x,y"]), min_size=0, max_size=6, unique=True)


@settings(max_examples=25)
@given(rows=tables, names=keys, how=st.sampled_from(["left", "inner", "anti"]))
def test_join_of_any_table_matches_pandas(
    tmp_path_factory: pytest.TempPathFactory, rows: Any, names: list[str], how: str
) -> None:
    directory = tmp_path_factory.mktemp("join")
    table = RecordTable.write(directory, rows)
    lookup = write_csv(directory / "keys.csv", ["name", "number"], [[name, i] for i, name in enumerate(names)])

    result = run_with_all_cuts(
        directory, table.path, processor="join", files=[lookup], column_types={"g": "text"},
        options={"file": "keys.csv", "on": "g", "lookup_on": "name", "how": how},
    )  # fmt: skip

    number_of = {name: str(i) for i, name in enumerate(names)}
    found = [number_of.get(name) if isinstance(name, str) else None for name in table.frame["g"]]
    if how == "anti":
        assert result.data == table.bytes_of([i for i, number in enumerate(found) if number is None])
        return
    kept = [i for i, number in enumerate(found) if number is not None or how == "left"]
    assert result.header == [*HEADER, "number"]
    lines = [table.lines[i].removesuffix("\n") + f",{found[i] or ''}\n" for i in kept]
    assert result.data.decode() == ",".join([*HEADER, "number"]) + "\n" + "".join(lines)


def test_keys_are_compared_by_value_of_numbers(tmp_path: Path) -> None:
    source = write_csv(tmp_path / "data.csv", ["f", "n"], [["1.50", 1], ["2", 2], [None, 3], ["-0.0", 4]])
    lookup = write_csv(tmp_path / "keys.csv", ["k", "v"], [["1.5", "a"], ["", "b"], ["0", "c"]])

    result = join(tmp_path, source, lookup, on="f", lookup_on="k")

    assert [row[-1] for row in result.rows] == ["a", "", "", "c"]


def test_keys_of_a_text_column_are_texts(tmp_path: Path) -> None:
    source = write_csv(tmp_path / "data.csv", ["t", "n"], [["01", 1], ["1", 2], ["x", 3]])
    lookup = write_csv(tmp_path / "keys.csv", ["t", "v"], [["1", "a"], ["01", "b"]])

    assert [row[-1] for row in join(tmp_path, source, lookup, on="t").rows] == ["b", "a", ""]


def test_integers_match_floats(tmp_path: Path) -> None:
    source = write_csv(tmp_path / "data.csv", ["i", "x"], [[1, 0], [2, 0]])
    lookup = write_csv(tmp_path / "keys.csv", ["i", "v"], [["1.0", "a"], ["2.5", "b"]])

    assert join(tmp_path, source, lookup, on="i").data == b"i,x,v\n1,0,a\n2,0,\n"


def test_two_keys_a_prefix_and_a_compressed_file(tmp_path: Path) -> None:
    source = write_csv(tmp_path / "data.csv", ["a", "b"], [["x", 1], ["x", 2], ["y", 1]])
    lookup = tmp_path / "keys.csv.gz"
    lookup.write_bytes(gzip.compress("﻿a;b;n\r\nx;1;eins\r\ny;1;ü\r\n".encode()))

    result = join(tmp_path, source, lookup, on=["a", "b"], prefix="keys_")

    assert result.data == "a,b,keys_n\nx,1,eins\nx,2,\ny,1,ü\n".encode()


def test_dialect_of_the_input_is_kept(tmp_path: Path) -> None:
    source = tmp_path / "data.csv"
    source.write_bytes(b'k;v\r\n1;"a;b"\r\n2;c\r\n')
    lookup = write_csv(tmp_path / "keys.csv", ["k", "text"], [[1, "x;y"], [2, ""]])

    assert join(tmp_path, source, lookup, on="k").data == b'k;v;text\r\n1;"a;b";"x;y"\r\n2;c;\r\n'


def test_added_columns_have_types_in_the_next_step(tmp_path: Path) -> None:
    source = write_csv(tmp_path / "data.csv", ["k", "n"], [["a", 2], ["b", 3], ["a", 4], ["c", 5]])
    lookup = write_csv(tmp_path / "keys.csv", ["k", "price"], [["a", "1.50"], ["b", "2"]])
    steps = [
        {"processor": "join", "options": {"file": "keys.csv", "on": "k"}},
        {"processor": "transform", "options": {"assign": {"total": "n * price"}}},
        {"processor": "sort", "options": {"by": ["total"], "ascending": False}},
    ]

    result = run_with_all_cuts(tmp_path, source, processor="steps", options={"steps": steps}, files=[lookup])

    assert result.data == b"k,n,price,total\nb,3,2,6.0\na,4,1.50,6.0\na,2,1.50,3.0\nc,5,,\n"


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("k,v\n1,a\n1,b\n", {}, "keys.csv has the key '1' twice, in records 1 and 2: remove one of them"),
        ("k,v\nx,a\n", {}, "column 'k' of keys.csv is text, but the input's is int: pass column_types to read"),
        ("k,n\n1,a\n", {}, "join would add a column 'n', which the input has: choose others with the option 'columns'"),
        ("k,v\n1,a\n", {"on": "x"}, "option 'on' of join names a column 'x', but the file has: k, n."),
        ("a,v\n1,a\n", {}, "option 'on' of join names a column 'k', but keys.csv has: a, v."),
        ("k,v\n1,a\n", {"lookup_on": "b"}, "option 'lookup_on' of join names a column 'b', but keys.csv has: k, v."),
        ("k,v\n1,a\n", {"lookup_on": ["k", "v"]}, "option 'lookup_on' of join names 2 columns, but 'on' names 1."),
        ("k,v\n1,a\n", {"columns": ["w"]}, "option 'columns' of join names a column 'w', but keys.csv has: k, v."),
        ("k,v\n1,a\n", {"how": "anti", "columns": ["v"]}, "option 'columns' of join needs how=left or how=inner"),
        ("k,v\n1,a\n", {"how": "outer"}, "option 'how' of processor join is 'outer', but must be one of left, inner"),
        ("k,v\n1\n", {}, ""),
        ("k,v\n1,a\n", {"file": "other.csv"}, "the processor needs the file 'other.csv', but the job has no such file"),
    ],
)
def test_wrong_lookup_or_option_is_reported(tmp_path: Path, text: str, options: dict[str, Any], message: str) -> None:
    source = write_csv(tmp_path / "data.csv", ["k", "n"], [[1, 2]])
    lookup = tmp_path / "keys.csv"
    lookup.write_text(text)

    with pytest.raises(CsvswarmError) as raised:
        run_in_process(
            tmp_path, source, processor="join", files=[lookup], options={"file": "keys.csv", "on": "k", **options}
        )

    assert str(raised.value).startswith(message or f"{lookup}: record 1: 1 field")
