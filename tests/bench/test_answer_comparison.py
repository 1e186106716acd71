"""Answers with the same values in other formats are equal; different values are not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bench.answers import difference, digest, right_rows
from bench.works import AGGREGATE, HOSTILE_MAP, MAP

HEADER = ",".join(MAP.columns) + "\n"
ROW = '1,2024-01-31 10:00:00,a,1.5,600,,-0.5,10.25,"x, y",C-1,900.0,-55.6\n'
OTHER = "2,2024-01-31 11:00:00,b,,700,5,0.5,10.25,z,C-2,,55.6\n"
FIGURES = "category,count,sum,mean,min,max\na,2,3.5,1.75,1.0,2.5\n"


@pytest.fixture
def answer(tmp_path: Path) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.csv"
        path.write_text(text, newline="")
        return path

    return write


Write = Callable[[str], Path]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1.5,600,,", '"1.50",600.0,"",'),
        ("2024-01-31 10:00:00", "2024-01-31T10:00:00.000000"),
        ("-55.6", "-55.60000000000001"),
        (",a,", ',"a",'),
    ],
)
def test_equivalent_answers_match(answer: Write, one: str, other: str) -> None:
    first, second = (digest(MAP, answer(HEADER + row + OTHER)) for row in (ROW, ROW.replace(one, other)))

    assert difference(first, second) == ""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEADER + OTHER + ROW, "other values or another order in id, time"),
        (HEADER + ROW, "1 rows instead of 2"),
        (HEADER + ROW + OTHER.replace("z", "Z"), "in note"),
        (HEADER + ROW.replace("900.0", "900.01") + OTHER, "in total"),
        (HEADER + ROW.replace("900.0", "") + OTHER, "in total"),
        (HEADER + ROW.replace("a,1.5", "a,x") + OTHER, "not a table of the right form"),
        (HEADER + "1,2\n" + OTHER, "not a table of the right form"),
        (HEADER.replace("km", "miles") + ROW + OTHER, "has the columns"),
        ("", "not a table of the right form"),
    ],
)
def test_wrong_answer_is_reported(answer: Write, text: str, message: str) -> None:
    right = digest(MAP, answer(HEADER + ROW + OTHER))

    assert message in difference(right, digest(MAP, answer(text)))


def test_concatenated_texts_are_distinguished(answer: Write) -> None:
    first = digest(MAP, answer(HEADER + ROW.replace(",a,", ",ab,") + OTHER))
    second = digest(MAP, answer(HEADER + ROW + OTHER.replace(",b,", ",bb,")))

    assert "category" in difference(first, second)


def test_metrics_may_differ_in_last_digits_and_name(answer: Write) -> None:
    right = digest(AGGREGATE, answer(FIGURES))
    other = FIGURES.replace("1.75", "1.7500000000001").replace("count,sum", "price_count,price_sum")

    assert difference(right, digest(AGGREGATE, answer(other))) == ""
    assert "in mean" in difference(right, digest(AGGREGATE, answer(FIGURES.replace("1.75", "1.750001"))))


def test_integers_written_as_floats_are_reported(answer: Write) -> None:
    assert digest(MAP, answer(HEADER + ROW))["as_floats"] == []
    assert digest(MAP, answer(HEADER + ROW.replace("600", "600.0")))["as_floats"] == ["quantity"]


def test_right_rows_are_counted_in_any_order(answer: Write) -> None:
    header = ",".join(HOSTILE_MAP.columns) + "\n"
    rows = ['1,a,60,"5"" pipe","x\ny",120\n', "2,b,70,wide,z,140\n", "3,c,80,wide,z,160\n"]
    expected = answer(header + "".join(rows))

    assert right_rows(HOSTILE_MAP, expected, expected) == (3, 3)
    shuffled = rows[2].replace("160", "160.0") + rows[0]
    assert right_rows(HOSTILE_MAP, expected, answer(header + shuffled)) == (2, 3)
    assert right_rows(HOSTILE_MAP, expected, answer(header + "y\n" + rows[1] * 2)) == (1, 3)
