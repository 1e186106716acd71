"""The tables of docs/format.md, row by row."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from csvswarm.csv_format.dialect import MAX_NAME_CHARS
from csvswarm.csv_format.record_scan import MAX_RECORD_BYTES
from csvswarm.errors import CsvswarmError
from csvswarm.input.header import MAX_HEADER_BYTES
from csvswarm.job.free_space import MAX_RESERVED, RESERVED_SHARE

from tests.support.jobs import ROOT, Result, run_in_process, run_with_all_cuts

TEXT = (ROOT / "docs/format.md").read_text()
BAD = "bad"
PLAIN = """
def process(block, context):
    return block
"""
TYPES = """
import pandas as pd


def process(block, context):
    return pd.DataFrame({"name": block.columns, "type": [context.type_of(name) for name in block]})
"""
MADE = """
import datetime as dt
import decimal
import math

import pandas as pd


def process(block, context):
    return pd.DataFrame({{"value": [{value}], "other": "x"}})
"""


def table(name: str) -> list[list[str]]:
    """The rows of a table, without its header; ⏎ and ⇥ are what they stand for."""
    found = re.search(rf"^<!-- table: {name} -->\n\|.*\n\|[ |-]*\n((?:\|.*\n)+)", TEXT, re.MULTILINE)
    assert found, name
    rows = found[1].replace("⏎", "\n").replace("⇥", "\t").replace("\\|", "\v").split("|\n")
    return [[cell.strip().replace("\v", "|") for cell in row.split("|")[1:]] for row in rows if row]


def bare(cell: str) -> str:
    """The text between backticks."""
    return "" if cell in ("", "nothing") else cell[1:-1]


def both(cell: str) -> list[str]:
    """The two things of `this` and `that`."""
    return [bare(part) for part in cell.split(" and ")]


def run(directory: Path, text: str, code: str = PLAIN, **request: Any) -> Result:
    source, processor = directory / "data.csv", directory / "mine.py"
    source.write_bytes(text.encode())
    processor.write_text(code)
    return run_in_process(directory, source, processor=str(processor), **request)


def first_field(result: Result) -> str:
    """The first field of the first row, as in the file; the second one is x."""
    return result.data.decode().split("\n", 1)[1].removesuffix(",x\n")


@pytest.mark.parametrize(("record", "fields"), table("records"), ids=repr)
def test_records(tmp_path: Path, record: str, fields: str) -> None:
    text = f"one,two\n{bare(record)}\n"
    if fields == BAD:
        with pytest.raises(CsvswarmError, match="record 1: "):
            run(tmp_path, text)
        return
    assert run(tmp_path, text).rows == [both(fields)]


@pytest.mark.parametrize(("header", "columns"), table("delimiters"), ids=repr)
def test_delimiters(tmp_path: Path, header: str, columns: str) -> None:
    assert run(tmp_path, bare(header)).header == both(columns)


@pytest.mark.parametrize(("value", "kind", "text", "_"), table("values"), ids=repr)
def test_values(tmp_path: Path, value: str, kind: str, text: str, _: str) -> None:
    source = f"a,b\n{bare(value)},x\n"
    (tmp_path / "types").mkdir()

    assert run(tmp_path / "types", source, TYPES).rows[0] == ["a", kind]
    assert first_field(run(tmp_path, source)) == bare(text)


@pytest.mark.parametrize(("values", "kind", "texts"), table("mixed"), ids=repr)
def test_mixed_values(tmp_path: Path, values: str, kind: str, texts: str) -> None:
    source = tmp_path / "data.csv"
    # what changes the type comes once, after many others, and then the other way round
    first, second = both(values)
    expected_first, expected_second = both(texts)
    for name, fields, expected in (
        ("late", [first] * 20 + [second], [expected_first] * 20 + [expected_second]),
        ("soon", [second] + [first] * 20, [expected_second] + [expected_first] * 20),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / "mine.py").write_text(PLAIN)
        source.write_text("a,b\n" + "".join(f"{field},x\n" for field in fields))

        result = run_with_all_cuts(tmp_path / name, source, processor=str(tmp_path / name / "mine.py"))

        assert result.data.decode() == "a,b\n" + "".join(f"{field},x\n" for field in expected)
    assert ["a", kind] in run(tmp_path, source.read_text(), TYPES).rows


@pytest.mark.parametrize(("value", "kind", "text"), table("given"), ids=repr)
def test_given_types(tmp_path: Path, value: str, kind: str, text: str) -> None:
    source = f"a,b\n{bare(value)},x\n"
    if text == BAD:
        with pytest.raises(CsvswarmError, match=f"record 1, column 'a': .* is not of the type {kind}"):
            run(tmp_path, source, column_types={"a": kind})
        return
    assert first_field(run(tmp_path, source, column_types={"a": kind})) == bare(text)


@pytest.mark.parametrize(("value", "text"), table("texts"), ids=repr)
def test_canonical_text(tmp_path: Path, value: str, text: str) -> None:
    made = run(tmp_path, "a\n1\n", MADE.format(value=bare(value)))

    assert made.data.decode() == f"value,other\n{bare(text)},x\n"


def test_documented_null_values(tmp_path: Path) -> None:
    [listed] = re.findall(r"^A value is missing if .*?: (`#N/A`.*?)\n\(pandas' list\)", TEXT, re.MULTILINE | re.DOTALL)
    words = re.findall("`(.*?)`", listed)
    text = "a,b\n" + "".join(f"{word},{word}x\n" for word in words)

    assert [row[0] for row in run(tmp_path, text).rows] == [""] * 18 == [""] * len(words)
    (tmp_path / "replaced").mkdir()
    replaced = run(tmp_path / "replaced", f"{text}-,y\n,z\n", null_values=["-"])
    assert [row[0] for row in replaced.rows] == [*words, "", ""]


def test_lone_missing_value_is_written_with_quotes(tmp_path: Path) -> None:
    assert run(tmp_path, "a\nx\nNA\ny\n").data == b'a\nx\n""\ny\n'


def test_three_line_endings_and_blank_lines(tmp_path: Path) -> None:
    text = "\n\na,b\r\n1,x\r2,y\n\n\r\n3,z"

    assert run(tmp_path, text).data == b"a,b\n1,x\n2,y\n3,z\n"


def test_duplicate_column_names_get_suffixes(tmp_path: Path) -> None:
    assert run(tmp_path, "a,a,\n1,2,3\n").header == ["a", "a.1", "Unnamed: 2"]


def test_transform_keeps_the_dialect_and_normalizes_three_things(tmp_path: Path) -> None:
    source = tmp_path / "data.csv"
    source.write_bytes(b'\xef\xbb\xbfa;"b"\r\n1.50;"x"\n\n2;"y;z"\r3;NA')

    result = run_with_all_cuts(tmp_path, source, processor="transform", options={"assign": {"c": "a * 2"}})

    assert result.data == b'\xef\xbb\xbfa;"b";c\r\n1.50;"x";3.0\r\n2;"y;z";4.0\r\n3;NA;6.0\r\n'


@pytest.mark.parametrize("cell", ["=cmd|' /C calc'!A0", "=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1"])
def test_formulas_are_not_changed(tmp_path: Path, cell: str) -> None:
    (tmp_path / "other").mkdir()

    assert first_field(run(tmp_path, f"a,b\n{cell},x\n")) == cell
    source = tmp_path / "other" / "data.csv"
    source.write_text(f"a,b\n{cell},x\n")
    assert first_field(run_in_process(tmp_path / "other", source, processor="transform")) == cell
    assert "does not disarm formulas" in TEXT


def test_documented_limits() -> None:
    assert f"a record | {MAX_RECORD_BYTES >> 20} MB" in TEXT
    assert f"the header | {MAX_HEADER_BYTES >> 20} MB" in TEXT
    assert f"a name in it | {MAX_NAME_CHARS:,} characters" in TEXT
    assert f"{round(RESERVED_SHARE * 100)} % of it, at most {MAX_RESERVED >> 30} GB" in TEXT
