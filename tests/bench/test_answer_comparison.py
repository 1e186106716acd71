"""Answers with the same values in other formats are equal; different values are not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bench.answers import difference

HEADER = "id,time,name,price,note,total\n"
ROW = '1,2024-01-31 10:00:00,a,1.5,"x, y",900.0\n'
OTHER = "2,2024-01-31 11:00:00,b,,z,0.30000000000000004\n"

Write = Callable[[str], Path]


@pytest.fixture
def answer(tmp_path: Path) -> Write:
    def write(text: str) -> Path:
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.csv"
        path.write_text(text, newline="")
        return path

    return write


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1.5,", '"1.50",'),
        ("2024-01-31 10:00:00", "2024-01-31T10:00:00.000000"),
        ("2024-01-31 10:00:00", "2024-01-31 10:00:00+00"),
        ("900.0", "900"),
        (",a,", ',"a",'),
        ("0.30000000000000004", "0.3"),
        (",b,,", ',b,"",'),
        ("id,time", "number,at"),
    ],
)
def test_equivalent_answers_match(answer: Write, one: str, other: str) -> None:
    text = HEADER + ROW + OTHER
    assert one in text
    assert difference(answer(text), answer(text.replace(one, other, 1))) == ""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEADER + OTHER + ROW, "other values or another order in id, time, name"),
        (HEADER + ROW, "1 rows instead of 2"),
        (HEADER + ROW + OTHER.replace("z", "Z"), "in note"),
        (HEADER + ROW.replace("900.0", "900.01") + OTHER, "in total"),
        (HEADER + ROW.replace("900.0", "") + OTHER, "in total"),
        (HEADER + ROW.replace("a,1.5", "a,x") + OTHER, "in price"),
        (HEADER.replace(",total", "") + "1,2,3,4,5\n" * 2, "5 columns instead of 6"),
        (HEADER + "1,2\n" + OTHER, "is not a table"),
        ("", "is not a table"),
    ],
)
def test_wrong_answer_is_reported(answer: Write, text: str, message: str) -> None:
    assert message in difference(answer(HEADER + ROW + OTHER), answer(text))


def test_some_columns_are_compared(answer: Write) -> None:
    ours, other = answer(HEADER + ROW + OTHER), answer("price,id\n1.5,1\n,2\n")

    assert difference(ours, other, ["price", "id"]) == ""
    assert "in id" in difference(ours, answer("price,id\n1.5,1\n,3\n"), ["price", "id"])


def test_shapes_are_compared(answer: Write) -> None:
    ours, other = answer(HEADER + ROW + OTHER), answer(HEADER + OTHER + ROW)

    assert difference(ours, other, shape_only=True) == ""
    assert difference(ours, answer(HEADER + OTHER), shape_only=True) == "1 rows instead of 2"
