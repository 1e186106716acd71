"""Files as people have them: the dialect is detected or passed, and the values are those of Python's csv module."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from csvswarm.csv_format.normalize import Rules, normalized
from csvswarm.errors import CsvswarmError, InputError, OptionError
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.jobs import run_in_process, run_with_all_cuts

CUTS = ((1, 1 << 20), (3, 64), (7, 16))
PLAIN = "def process(block, context):\n    return block\n"


def read(directory: Path, text: str, *, cuts: tuple[tuple[int, int], ...] = CUTS, **request: Any) -> list[list[str]]:
    """The header and the rows of a job that returns every block, the same for all cuts."""
    directory.mkdir(exist_ok=True)
    source, processor = directory / "data.csv", directory / "mine.py"
    source.write_bytes(text.encode())
    processor.write_text(PLAIN)
    result = run_with_all_cuts(directory, source, cuts=cuts, processor=str(processor), **request)
    return [result.header, *result.rows]


def decisions(directory: Path) -> list[str]:
    found: list[str] = json.loads((directory / f"job-1-{1 << 20}-out/job.json").read_text())["decisions"]
    return found


def expected(text: str, **dialect: Any) -> list[list[str]]:
    return [row for row in csv.reader(io.StringIO(text, newline=""), **dialect) if row]


BODY = 'id,name\n1,x\n2,"y, z"\n3,"two\nlines"\n'


@pytest.mark.parametrize(
    ("before", "decision"),
    [
        ("# made by a logger\n# with, two lines, of it\n", "2 lines before the header: comments that start with #."),
        ("Report of 2024\n\n", "2 lines before the header: a title, after which all records have 2 fields."),
        ("sep=,\n", "The first line, sep=,, sets the delimiter and is not a record."),
    ],
)
def test_lines_before_the_header_are_skipped(tmp_path: Path, before: str, decision: str) -> None:
    assert read(tmp_path, before + BODY) == expected(BODY)
    assert decision in decisions(tmp_path)
    assert any(text.startswith("The delimiter is ','") for text in decisions(tmp_path)) or "sep=" in before


def test_a_separator_line_sets_the_delimiter(tmp_path: Path) -> None:
    body = "a|b;c\n1;2|3\n4;5|6\n"

    assert read(tmp_path, f"sep=;\r\n{body}") == expected(body, delimiter=";")


def test_comments_between_records(tmp_path: Path) -> None:
    lines = BODY.splitlines(keepends=True)
    text = "".join([lines[0], "# first, of, all\n", lines[1], "# one, and, two\n", *lines[2:], "#\n"])

    assert read(tmp_path, text) == expected(BODY)
    assert "Lines that start with # between the records are comments." in decisions(tmp_path)


def test_a_detected_comment_with_as_many_fields_as_a_record_is_refused(tmp_path: Path) -> None:
    text = "a,b\n# note\n" + "1,2\n" * 60 + "#12,3\n"
    with pytest.raises(InputError, match="the line after record 60 starts with '#' as comments do, but has 2 fields"):
        read(tmp_path, text)

    assert len(read(tmp_path / "yes", text, comment="#")) == 61
    with pytest.raises(CsvswarmError, match="record 1: 1 field where the header has 2"):
        read(tmp_path / "no", text, comment="")


def test_a_comment_of_another_kind(tmp_path: Path) -> None:
    assert read(tmp_path, '// one\na,b\n//"\n"//x",2\n', comment="//") == [["a", "b"], ["//x", "2"]]


def test_skip_lines(tmp_path: Path) -> None:
    assert read(tmp_path, 'say "hello\nx,y,z\n' + BODY, skip_lines=2) == expected(BODY)


@pytest.mark.parametrize("first", ["1,2.5", "-1,3", "2024-01-31,1"])
def test_a_file_without_a_header(tmp_path: Path, first: str) -> None:
    text = f"{first}\n" * 3

    assert read(tmp_path, text) == [["column_1", "column_2"], *expected(text)]
    assert "There is no header: the first record has values like all others." in decisions(tmp_path)


def test_a_header_may_be_passed(tmp_path: Path) -> None:
    text = "1,x\n2,y\n"

    assert read(tmp_path, text, header=False) == [["column_1", "column_2"], *expected(text)]
    assert read(tmp_path / "names", text, header=["id", "name"]) == [["id", "name"], *expected(text)]
    assert read(tmp_path / "true", "1,2.5\n3,4.5\n5,6.5\n", header=True)[0] == ["1", "2.5"]
    with pytest.raises(OptionError, match="header has 1 names, but the first record has 2 fields"):
        read(tmp_path / "few", text, header=["id"])


def test_a_doubtful_header_is_a_warning(tmp_path: Path) -> None:
    read(tmp_path, "Ann,30\nBob,25\nCy,8\n")

    (warning,) = json.loads((tmp_path / f"job-1-{1 << 20}-out/job.json").read_text())["warnings"]
    assert warning.startswith("The first record was taken for the header, but '30' looks like a value. Pass -e header=")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_trailing_delimiter(tmp_path: Path, end: str) -> None:
    rows = [["a", "b"], ["1", "x"], ["2", ""], ["3", 'y"'], ["4", "z"]]
    text = f'a,b{end}1,x,{end}2,,{end}3,"y""",{end}4,z,'

    assert read(tmp_path, text) == rows
    assert "Every record but the header ends with a delimiter, which is dropped." in decisions(tmp_path)
    with pytest.raises(CsvswarmError, match="3 fields where the header has 2"):
        read(tmp_path / "off", text, trailing_delimiter=False)


def test_runs_of_blanks(tmp_path: Path) -> None:
    text = 'name  x    y\nAnn   1    2.5\n Bob  10   3.5\nCy\t100  "a b"  \n'
    frame = pd.read_csv(io.StringIO(text), sep=r"\s+")

    assert read(tmp_path, text) == [list(frame.columns), *frame.astype(str).to_numpy().tolist()]
    assert read(tmp_path / "passed", text, delimiter="whitespace") == read(tmp_path / "found", text)


def test_columns_of_fixed_width_are_refused(tmp_path: Path) -> None:
    text = "name      age city\nJohn Doe  30  New York\nMary      25  Rome\nJo Q Zed  7   Oslo\n"
    with pytest.raises(InputError, match="text with columns of fixed width: convert it first"):
        read(tmp_path, text)


@pytest.mark.parametrize("delimiter", ["§", "¦", "\u2063", "x", "7", "^", " ", ":"])
def test_any_character_may_be_the_delimiter(tmp_path: Path, delimiter: str) -> None:
    rows = [["a", "b"], ["1", "p,q"], ["", 'say "no"'], ["NA", f"in{delimiter}side"], ["3", "two\nlines"]]
    buffer = io.StringIO()
    csv.writer(buffer, delimiter=delimiter, lineterminator="\n").writerows(rows)

    # A missing value is written as nothing.
    assert read(tmp_path, buffer.getvalue(), delimiter=delimiter) == [[v.replace("NA", "") for v in r] for r in rows]


def test_backslash_escaped_quotes(tmp_path: Path) -> None:
    rows = [["a", "b"], ["1", 'say "no", he said'], ["2", "back\\slash"], ["3", "two\nlines"]]
    buffer = io.StringIO()
    writer = csv.writer(buffer, escapechar="\\", doublequote=False, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerows(rows)

    assert expected(buffer.getvalue(), escapechar="\\", doublequote=False) == rows
    assert read(tmp_path, buffer.getvalue()) == rows
    assert any(text.startswith("The backslash escapes: ") for text in decisions(tmp_path))


def test_missing_values_of_databases(tmp_path: Path) -> None:
    # As MySQL (a backslash before the character itself) and PostgreSQL (letters) write fields.
    text = "id\tnote\n1\t\\N\n\\N\ttab\\\there\n3\tline\\nend\n4\t\\\\N\n"

    assert read(tmp_path, text) == [["id", "note"], ["1", ""], ["", "tab\there"], ["3", "line\nend"], ["4", "\\N"]]
    assert read(tmp_path / "off", text.replace("\\\t", ""), escape="")[1] == ["1", "\\N"]


def test_quotes_distinguish_text_from_missing_values(tmp_path: Path) -> None:
    result = run_here_plain(tmp_path, 'a§b\nNA§x\n"NA"§y\n""§z\nNA,1§w\n', delimiter="§", null_values=["NA", "NA,1"])

    assert result == 'a,b\n,x\n"NA",y\n"",z\n,w\n'


def run_here_plain(directory: Path, text: str, **request: Any) -> str:
    source, processor = directory / "data.csv", directory / "mine.py"
    source.write_text(text)
    processor.write_text(PLAIN)
    return run_in_process(directory, source, processor=str(processor), **request).data.decode()


def test_transform_keeps_the_delimiter_where_it_can(tmp_path: Path) -> None:
    source = tmp_path / "data.csv"
    source.write_text('a;b\n# c\n1;2\n3;"x;y"\n')

    assert run_with_all_cuts(tmp_path, source, cuts=CUTS, processor="transform").data == b'a;b\n1;2\n3;"x;y"\n'


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"delimiter": ";;"}, "delimiter is ';;', but must be one character, tab, or whitespace"),
        ({"escape": "n"}, "escape is 'n', but must be one ASCII character that is not a letter or digit"),
        ({"escape": '"'}, "quotechar and escape are both '\"'; they must differ."),
        ({"comment": " #"}, "comment is ' #', but must be the start of comment lines"),
        ({"skip_lines": -1}, "skip_lines is -1, but must be a number of lines, 0 or more."),
        ({"header": ["a", "a"]}, "header names a column 'a' twice."),
    ],
)
def test_wrong_options(tmp_path: Path, request_: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=re.escape(message)):
        read(tmp_path, BODY, **request_)


@settings(max_examples=200, deadline=None)
@given(
    rows=st.lists(st.lists(st.text('ab,;"\\ \n\r#é', max_size=5), min_size=2, max_size=2), min_size=1, max_size=6),
    size=st.integers(1, 9),
)
def test_rewritten_text_has_the_same_fields_for_any_pieces(rows: list[list[str]], size: int) -> None:
    buffer = io.StringIO(newline="")
    csv.writer(buffer, delimiter="é", escapechar="\\", lineterminator="\r\n", quoting=csv.QUOTE_ALL).writerows(rows)
    text = buffer.getvalue()
    pieces = [text[start : start + size] for start in range(0, len(text), size)]

    plain = "".join(normalized(pieces, Rules("é", '"', escape="\\"), [""]))

    assert list(csv.reader(io.StringIO(plain, newline=""))) == rows
