"""Regression tests for bugs found by fuzzing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz import targets
from tests.support.jobs import run_with_all_cuts


@pytest.mark.parametrize("word", ["Nan", "NAN", "-NAN", "naN"])
def test_number_like_word_is_text(tmp_path: Path, word: str) -> None:
    source = tmp_path / "names.csv"
    source.write_text(f"id,name\n1,{word}\n2,1.5\n")
    processor = tmp_path / "same.py"
    processor.write_text("def process(block, context):\n    return block\n")

    assert run_with_all_cuts(tmp_path, source, processor=str(processor)).rows == [["1", word], ["2", "1.5"]]


def test_empty_last_field_after_a_quoted_field_is_missing(tmp_path: Path) -> None:
    source = tmp_path / "short.csv"
    source.write_text('id,name,note\n1,"a",\n2,"b",')
    processor = tmp_path / "same.py"
    processor.write_text("def process(block, context):\n    return block\n")

    assert run_with_all_cuts(tmp_path, source, processor=str(processor)).data == b"id,name,note\n1,a,\n2,b,\n"


@pytest.mark.parametrize(("data", "width"), [(b'"NA",', 2), (b'a,b,c,d,e\n"NA",', 2), (b"a,b,c,d,e\nNAN", 1)])
def test_found_cases(data: bytes, width: int) -> None:
    targets.read(data, width, 1)


@pytest.mark.parametrize("data", [b"'\xe1\xe9", b'"\xff",a\nb'])
def test_text_that_is_not_utf8_keeps_its_bytes(data: bytes) -> None:
    targets.normalize(data, 1, 2)


def test_empty_field_after_a_blank_cr_line_is_kept(tmp_path: Path) -> None:
    """pandas loses the value."""
    source = tmp_path / "mac.csv"
    source.write_bytes(b"a,b\r\r,x\r\r,y\r")
    processor = tmp_path / "same.py"
    processor.write_text("def process(block, context):\n    return block\n")

    assert run_with_all_cuts(tmp_path, source, processor=str(processor)).rows == [["", "x"], ["", "y"]]
    targets.like_pandas(b"\r,x\r", 2)
