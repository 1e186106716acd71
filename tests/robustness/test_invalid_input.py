"""Invalid input files: one message with the error, its position and the fix."""

from __future__ import annotations

import io
import os
import zipfile
from typing import Any

import numpy as np
import pytest

from tests.robustness.refusals import GOOD, fails, refused, written
from tests.support.jobs import Scripts, run_with_all_cuts

MAP = "def process(block, context):\n    return block\n"


# -- not a CSV ---------------
# ------------------------------------------------------------------------------------------


def test_missing_file(scripts: Scripts) -> None:
    source = scripts.directory / "missing.csv"

    assert refused(scripts, source) == f"{source} does not exist: check the path given as input."


def test_unreadable_file(unprivileged: Scripts) -> None:
    source = written(unprivileged, GOOD)
    source.chmod(0)

    line = refused(unprivileged, source)

    assert line == f"{source} cannot be read: you lack the permission (chmod, or run as its owner)."


def test_folder_without_files_as_input(scripts: Scripts) -> None:
    folder = scripts.directory / "empty"
    folder.mkdir()

    assert refused(scripts, folder).startswith(f"{folder} is a folder without files (names that begin with a dot")


def test_pipe_as_input(scripts: Scripts) -> None:
    source = scripts.directory / "pipe"
    os.mkfifo(source)

    assert refused(scripts, source) == f"{source} is not a regular file: save its content to one first."


@pytest.mark.parametrize("data", [b"", b"\xef\xbb\xbf", b"\n\r\n\n"])
def test_empty_input(scripts: Scripts, data: bytes) -> None:
    source = written(scripts, data)

    assert refused(scripts, source) == f"{source} is empty: a CSV needs at least a header record."


NOISE = np.random.default_rng(1).bytes(5000)


def a_zip() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("data.csv", GOOD)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (a_zip(), "is not a CSV file but a zip archive or a spreadsheet (.xlsx, .ods): unpack it,"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "is not a CSV file but a picture."),
        (b"PAR1\x15\x04\x15", "is a damaged Parquet file ("),
        (b"DATA\x01\0\0\0" * 99, "is not a text file (byte 5 is NUL)."),
        (NOISE, "the header is not UTF-8 (byte 0x"),
        ("a,b\n1,2\n".encode("utf-16-le"), "is not a text file (byte 1 is NUL). If it is UTF-16 text,"),
        ("a,b\n1,2\n".encode("utf-16"), "is UTF-16 text: add -e encoding=utf-16."),
        ("naïve,b\n1,2\n".encode("latin-1"), "the header is not UTF-8 (byte 0xef at position 2): pass its encoding"),
        (b'"a,b\n1,2\n', "the header opens a quote that is never closed."),
    ],
    ids=["zip", "png", "parquet", "records of some program", "noise", "UTF-16 bare", "UTF-16", "Latin-1", "open quote"],
)
def test_input_that_is_not_a_csv(scripts: Scripts, data: bytes, message: str) -> None:
    source = written(scripts, data)

    line = refused(scripts, source)

    assert line.startswith(f"{source}")
    assert message in line


def test_usage_errors_exit_with_2(scripts: Scripts) -> None:
    run = scripts.process("--chunk", "one")

    assert (run.code, run.out) == (2, "")
    assert run.error.splitlines()[-1].endswith("argument --chunk: invalid int value: 'one'")


# -- a header and nothing else -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("data", ["a,b\n", "a,b", "\ufeffa,b\r\n", "a,b\n\n\n"])
@pytest.mark.parametrize(
    ("processor", "options", "result"),
    [
        ("transform", {}, "{}"),
        ("transform", {"where": "a > 1"}, "{}"),
        ("aggregate", {"group_by": "a", "metrics": {"b": "mean"}}, "a,b_mean\n"),
        ("mine.py", {}, "a,b\n"),
    ],
)
def test_header_without_records_gives_a_result_without_rows(
    scripts: Scripts, data: str, processor: str, options: dict[str, Any], result: str
) -> None:
    (scripts.directory / "mine.py").write_text(MAP)
    source = written(scripts, data)
    processor = str(scripts.directory / processor) if "." in processor else processor

    done = run_with_all_cuts(scripts.directory, source, processor=processor, options=options)

    header = data.rstrip() + ("\r\n" if "\r" in data else "\n")
    assert done.data.decode() == result.replace("{}", header)


def test_header_without_records_gives_statistics_without_values(scripts: Scripts) -> None:
    done = scripts.all(written(scripts, "a,b\n"), "--chunks", "3")

    assert (scripts.output / "_SUCCESS").exists()
    assert done.rows == [[name, "0", "0", *[""] * 13, "0.0", "", "", "0.0"] for name in "ab"]


# -- records -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "record", "fields"),
    [
        (1, "7", "1 field"),
        (1, "7,8,9,10", "4 fields"),
        (50, "7,", "2 fields"),
        (99, "7", "1 field"),
        (99, ",,,", "4 fields"),
    ],
)
def test_ragged_record(scripts: Scripts, row: int, record: str, fields: str) -> None:
    records = [f"{number},b,c" for number in range(1, 100)]
    records[row - 1] = record
    source = written(scripts, "\n".join(["a,b,c", *records]))

    assert fails(scripts, source, "--chunks", "3") == (
        f"{source}: record {row}: {fields} where the header has 3: {record!r}. Fix the record, "
        "or add -e on_error=quarantine to write such records to rejected.csv."
    )


@pytest.mark.parametrize("mode", ["ranges", "files"])
def test_unclosed_quote(scripts: Scripts, mode: str) -> None:
    source = written(scripts, 'a,b\n1,x\n2,"two\nlines"\n3,"y\n4,z\n5,z\n')

    assert refused(scripts, source, "--chunks", "2", "--mode", mode) == (
        f"{source}: record 3 opens a quote that is never closed: the file ends inside it. "
        "Close the quote, or pass -e quotechar= if quotes have no meaning in this file."
    )


@pytest.mark.parametrize("mode", ["ranges", "files"])
@pytest.mark.parametrize("on_error", ["fail", "quarantine"])
@pytest.mark.parametrize("record", [b'1,"ab\xff\n', b'1,"x\0', b'\xc0\x884,"78\x0012'])
def test_unclosed_quote_before_a_bad_byte(scripts: Scripts, record: bytes, on_error: str, mode: str) -> None:
    source = written(scripts, b"c0,c1\n" + record)

    assert refused(scripts, source, "--on-error", on_error, "--mode", mode).startswith(
        f"{source}: record 1 opens a quote that is never closed: the file ends inside it."
    )


def test_literal_quotes(scripts: Scripts) -> None:
    data = 'size,x\n5" pipe,1\n"3,2\n'

    assert scripts.all(written(scripts, data), "--processor", "transform", "--quotechar", "").data.decode() == data


def test_invalid_utf8(scripts: Scripts) -> None:
    source = written(scripts, "id,name\n1,one\n2,très cher\n".encode("latin-1"))

    line = fails(scripts, source, "--processor", "transform")

    assert line.startswith(f"{source}: record 2: byte 0xe8 at position 4 is not UTF-8")
    assert "-e encoding=latin-1" in line


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16", "utf-16-le", "cp1252"])
def test_declared_encoding_is_read(scripts: Scripts, encoding: str) -> None:
    text = "id,naïve\n1,one\n2,très cher\n"

    source = written(scripts, text.encode(encoding))

    done = run_with_all_cuts(scripts.directory, source, processor="transform", encoding=encoding)

    assert done.data.decode("utf-8") == text


def test_wrongly_declared_encoding(scripts: Scripts) -> None:
    source = written(scripts, b"id,name\n1,\x81\x8d\n")

    line = refused(scripts, source, "--encoding", "cp1252")

    assert line.startswith(f"{source} is not cp1252 text near byte 10 (")


@pytest.mark.parametrize("encoding", ["latin-9000", "base64"])
def test_unknown_encoding(scripts: Scripts, encoding: str) -> None:
    assert refused(scripts, written(scripts, GOOD), "--encoding", encoding).startswith(
        f"encoding {encoding!r} is unknown to Python: use a name like utf-8"
    )


def test_nul_byte_deep_in_the_file(scripts: Scripts) -> None:
    good = "".join(f"{number},some text\n" for number in range(1, 1001))
    source = written(scripts, f"id,name\n{good}1001,so\0me\n")

    line = fails(scripts, source, "--processor", "transform")

    assert line.startswith(f"{source}: record 1001: a NUL byte at position 7: ")
