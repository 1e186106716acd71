"""Content other than CSV, written by its own libraries where these are installed."""

from __future__ import annotations

import gzip
import io
import json
import logging
import pickle
import sqlite3
import tarfile
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.feather
import pyarrow.orc
import pyarrow.parquet
import pytest
from csvswarm.errors import InputError
from csvswarm.input.header import InputHeader, open_layout
from csvswarm.input.layout import Given
from csvswarm.input.source import find_source

FRAME = pd.DataFrame({"id": [1, 2, 3], "name": ["a,b", "c", "d"], "x": [1.5, 2.5, -3.0]})
APACHE = '127.0.0.1 - - [31/Jan/2024:12:00:0{} +0000] "GET /a,b HTTP/1.1" 200 12\n'


def head_of(path: Path, delimiter: str | None = None) -> InputHeader:
    return open_layout(find_source(path), Given(delimiter=delimiter), [])[1]


def refusal(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        head_of(path)
    message = str(caught.value)
    assert message.startswith(f"{path} is not a CSV file but ")
    return message.removeprefix(f"{path} is not a CSV file but ")


def logged() -> str:
    stream = io.StringIO()
    logger = logging.Logger("app")
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(asctime)s %(name)s %(levelname)s %(message)s"))
    logger.addHandler(handler)
    for number in range(20):
        logger.warning("took %d, then %d", number, number * 2)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (json.dumps({"id": 1, "tags": ["a", "b"]}) + "\n" + json.dumps([1, 2]) + "\n", "JSON lines without names: "),
        (FRAME.to_json(), "JSON: "),
        (FRAME.to_json(orient="records"), "JSON: "),
        (json.dumps(FRAME.to_dict("list"), indent=2), "JSON: "),
        (json.dumps(FRAME.to_dict("records"), indent=2), "JSON: "),
        ("\n" + json.dumps([1.5, 2.5]), "JSON: "),
        (FRAME.to_html(), "XML or HTML: "),
        ("<!DOCTYPE html>\n<p>a,b</p>\n", "XML or HTML: "),
        ('<?xml version="1.0"?>\n<rows><row a="1,2"/></rows>\n', "XML or HTML: "),
        ("<rows>\n  <row>1,2</row>\n  <row>3,4</row>\n</rows>\n", "XML or HTML: "),
        (logged(), "a log: "),
        ("".join(APACHE.format(number) for number in range(9)), "a log: "),
        ("Jan 31 12:00:00 box sshd[12]: a, b\n" * 9, "a log: "),
        ("INFO:root:one, two\n" * 9, "a log: "),
    ],
)
def test_text_of_another_kind_is_refused(tmp_path: Path, text: str, kind: str) -> None:
    path = tmp_path / "data.csv"
    path.write_text(text)

    assert refusal(path).startswith(kind)

    path.write_bytes(gzip.compress(text.encode()))
    assert refusal(path).startswith(kind)


def test_binary_files_are_recognized_whatever_their_names_are(tmp_path: Path) -> None:
    table, path = pa.Table.from_pandas(FRAME), tmp_path / "data.csv"
    pa.parquet.write_table(table, path)
    path.write_bytes(gzip.compress(path.read_bytes()))
    assert refusal(path).startswith("a compressed Parquet file: ")
    pa.feather.write_feather(table, path)
    assert refusal(path).startswith("an Arrow file: ")
    pa.orc.write_table(table, path)
    assert refusal(path).startswith("an ORC file: ")
    path.write_bytes(pickle.dumps(FRAME, protocol=4))
    assert refusal(path).startswith("a Python pickle: ")
    path.unlink()
    with sqlite3.connect(path) as database:
        FRAME.to_sql("t", database)
    assert refusal(path).startswith("an SQLite database: ")
    path.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600))
    assert refusal(path).startswith("an old Office document")
    path.write_bytes(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n")
    assert refusal(path).startswith("a PDF document: ")


def test_an_archive_within_a_compressed_file_is_recognized(tmp_path: Path) -> None:
    path, inner = tmp_path / "data.tar.gz", tmp_path / "data.csv"
    inner.write_text("a,b\n1,2\n")
    with tarfile.open(path, "w:gz") as archive:
        archive.add(inner, "data.csv")

    assert refusal(path).startswith("a tar archive: ")


@pytest.mark.parametrize(
    "text",
    [
        "[id],[name]\n1,2\n",
        "{a},b\n1,2\n",
        "<a>,<b>\n1,2\n",
        "<5,>5\n1,2\n",
        "time,level\n2024-01-31 12:00:00,INFO\n2024-01-31 12:00:01,INFO\n",
        'payload\n"{""a"": 1}"\n"{""a"": 2}"\n',
        'id,payload\n1,"[1, 2]"\n',
        "ORC,b\n1,2\n",
    ],
)
def test_csv_resembling_another_format_is_read(tmp_path: Path, text: str) -> None:
    path = tmp_path / "data.csv"
    path.write_text(text)

    assert head_of(path).names[0]


def test_a_delimiter_overrides_the_recognition_of_text(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text('{"a": 1}|{"b": 2}\n{"a": 3}|{"b": 4}\n')

    assert len(head_of(path, "|").names) == 2
