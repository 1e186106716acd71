"""Numbers and dates as people write them; the right values are worked out with Python's decimal and datetime."""

from __future__ import annotations

import datetime as dt
import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from csvswarm.errors import CsvswarmError, OptionError

from tests.support.jobs import Result, native, run_with_all_cuts

CUTS = ((1, 1 << 20), (3, 32), (7, 16))
TYPES = """
import pandas as pd


def process(block, context):
    return block.assign(types=" ".join(context.type_of(name) for name in block))
"""


def read(directory: Path, text: str, **request: Any) -> Result:
    """The result of a job that returns every block and the types of its columns, the same for all cuts."""
    directory.mkdir(exist_ok=True)
    source, processor = directory / "data.csv", directory / "mine.py"
    source.write_text(text)
    processor.write_text(TYPES)
    return run_with_all_cuts(directory, source, cuts=CUTS, processor=str(processor), **request)


def report(directory: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((directory / f"job-1-{1 << 20}-out/job.json").read_text())
    return found


def values(result: Result, column: str = "a") -> list[float | None]:
    return [float(record[column]) if record[column] else None for record in result.records]


def value_of(text: str, decimal: str, thousands: str) -> float:
    plain = text.strip().replace(thousands, "") if thousands else text.strip()
    return float(Decimal(plain.replace("\u2212", "-").replace(decimal, ".")))


STYLED = [
    (",", "", ["1,5", "2,25", "-3,0", "7", " 0,125 ", "1,5e3"]),
    (",", ".", ["1.234,50", "12", "-1.234.567,5", "0,5"]),
    (",", " ", ["1 234,5", "12", "-1 234 567,25"]),
    (".", ",", ["1,234.5", "1,234,567", "-12.25", "7"]),
    (".", " ", ["1 234.5", "7"]),
]


@pytest.mark.parametrize(("decimal", "thousands", "texts"), STYLED)
@pytest.mark.parametrize("passed", [True, False])
def test_numbers_in_a_style(tmp_path: Path, decimal: str, thousands: str, texts: list[str], passed: bool) -> None:
    texts = texts if passed else [text for text in texts if "e" not in text]
    text = "a;b\n" + "".join(f"{value};x\n" for value in texts) + "NA;y\n"
    request = {"decimal": decimal, "thousands": thousands} if passed else {}

    result = read(tmp_path, text, **request)

    assert values(result) == [*(value_of(value, decimal, thousands) for value in texts), None]
    assert {record["types"] for record in result.records} == {"float text"}
    found = [sentence for sentence in report(tmp_path)["decisions"] if sentence.startswith("Numbers have the decimal")]
    assert len(found) == (not passed)
    assert report(tmp_path)["warnings"] == []


@pytest.mark.parametrize(
    ("thousands", "text"), [("'", "1'234'567"), ("'", "1\u2019234"), (" ", "1\u00a0234"), ("_", "1_000")]
)
def test_ambiguous_thousands_separators_must_be_passed(tmp_path: Path, thousands: str, text: str) -> None:
    result = read(tmp_path, f"a;b\n{text};x\n5;y\n", thousands=thousands)

    assert [record["a"] for record in result.records] == [re.sub("[^0-9]", "", text), "5"]
    assert result.records[0]["types"] == "int text"


@pytest.mark.parametrize(
    "texts",
    [
        ['"1,234"', '"2,500"'],  # either
        ["1.5", '"2,5"'],  # both
        ['"1,2"', '"3,4,5"'],  # a list
        ["007", '"1,5"'],
    ],
    ids=repr,
)
@pytest.mark.parametrize("delimiter", [";", ","])
def test_ambiguous_values_stay_text(tmp_path: Path, texts: list[str], delimiter: str) -> None:
    text = f"a{delimiter}b\n" + "".join(f"{value}{delimiter}x\n" for value in texts)

    result = read(tmp_path, text)

    assert [record["a"] for record in result.records] == [value.strip('"') for value in texts]
    assert result.records[0]["types"] == "text text"


def test_late_text_value_makes_the_whole_column_text(tmp_path: Path) -> None:
    lines = [f"{number},5;{number},25\n" for number in range(2000)]
    lines[1800] = "x;1,5\n"

    result = read(tmp_path, "a;b\n" + "".join(lines))

    assert [record["a"] for record in result.records] == [line.split(";")[0] for line in lines]
    assert values(result, "b") == [value_of(line.split(";")[1], ",", "") for line in lines]
    (warning,) = report(tmp_path)["warnings"]
    assert "column 'a' is text" in warning
    assert "'x' in record 1801" in warning


@pytest.mark.parametrize("kernel", [True, False])
def test_decimal_point_is_not_read_beside_a_decimal_comma(tmp_path: Path, kernel: bool) -> None:
    with native(kernel):
        result = read(tmp_path, "a;b\n1,5;1.5\n2,5;2.5\n", decimal=",")

    assert result.records[0]["types"] == "float text"
    assert [record["b"] for record in result.records] == ["1.5", "2.5"]


@pytest.mark.parametrize(
    ("kind", "texts", "right"),
    [
        ("percent", ["10%", "12.5 %", "-3%", "", "0.1%"], [0.1, 0.125, -0.03, None, 0.001]),
        (
            "currency",
            ["$10.50", "-$3", "$-4", "(12)", "($1.5)", "7", "EUR 5", "5 €"],
            [10.5, -3, -4, -12, -1.5, 7, 5, 5],
        ),
    ],
)
def test_types_of_numbers_with_signs(tmp_path: Path, kind: str, texts: list[str], right: list[float | None]) -> None:
    result = read(tmp_path, "a,b\n" + "".join(f"{text},x\n" for text in texts), column_types={"a": kind})

    assert values(result) == right


def test_a_value_without_its_sign_is_bad(tmp_path: Path) -> None:
    text = "a,b\n10%,x\n7,y\nx,z\n"
    with pytest.raises(CsvswarmError, match="record 2, column 'a': '7' is not of the type percent"):
        read(tmp_path, text, column_types={"a": "percent"})

    result = read(
        tmp_path / "set aside", text, column_types={"a": "percent"}, on_error="quarantine", max_rejected="100%"
    )

    assert [reject[0] for reject in result.rejects] == ["2", "3"]


@pytest.mark.parametrize(
    ("written", "texts"),
    [
        ("%d.%m.%Y", ["31.01.2024", "1.2.2024", "29.02.2024"]),
        ("%m/%d/%y", ["01/31/70", "2/1/24", "12/31/68"]),
        ("%Y%m%d %H:%M:%S", ["20240131 05:06:07"]),
        ("%d-%m-%Y %H:%M:%S.%f", ["31-01-2024 05:06:07.25"]),
    ],
)
def test_dates(tmp_path: Path, written: str, texts: list[str]) -> None:
    right = [dt.datetime.strptime(text, written) for text in texts]

    for name, request in (
        ("by column", {"date_format": {"a": written}}),
        ("for all", {"date_format": written, "column_types": {"a": "timestamp"}}),
    ):
        text = "a,b\n" + "".join(f"{value},x\n" for value in texts) + "NA,y\n"
        result = read(tmp_path / name, text, **request)
        found = [record["a"] for record in result.records]
        assert [
            dt.datetime.fromisoformat(value.ljust(26, "0") if "." in value else value) for value in found[:-1]
        ] == right
        assert found[-1] == ""


@pytest.mark.parametrize("text", ["31.02.2024", "2024-01-31", "1.13.2024", "x"])
def test_dates_of_another_format_are_bad(tmp_path: Path, text: str) -> None:
    with pytest.raises(CsvswarmError, match=r"record 2, column 'a': '.*' is not of the type timestamp %d.%m.%Y"):
        read(tmp_path, f"a,b\n31.01.2024,x\n{text},y\n", date_format={"a": "%d.%m.%Y"})


def test_transform_copies_unchanged_columns_verbatim(tmp_path: Path) -> None:
    source = tmp_path / "data.csv"
    source.write_text("a;b\n1.234,50;x\n-2,5;y\n3;z\n")

    result = run_with_all_cuts(
        tmp_path, source, cuts=CUTS, processor="transform", options={"where": "a > 0", "assign": {"c": "a * 2"}}
    )

    assert result.data == b"a;b;c\n1.234,50;x;2469.0\n3;z;6.0\n"


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"decimal": "5"}, "decimal is '5', but must be the character before the fraction"),
        ({"thousands": "::"}, "thousands is '::', but must be one character"),
        ({"decimal": ",", "thousands": ","}, "decimal and thousands are both ','; they must differ."),
        ({"date_format": "%d.%m.%Y"}, "date_format is for columns of timestamps, but column_types names none."),
        ({"date_format": {"a": "%d %b %Y"}}, "date_format '%d %b %Y' has the directive %b, which is unknown"),
        ({"date_format": {"a": "%d.%m"}}, "date_format is '%d.%m', but it needs %d, %m and %Y"),
        ({"date_format": {"z": "%d.%m.%Y"}}, "date_format names a column 'z', which the file does not have."),
        ({"column_types": {"a": "percentage"}}, "use one of text, int, float, bool, timestamp, percent, currency."),
    ],
)
def test_wrong_options(tmp_path: Path, request_: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=re.escape(message)):
        read(tmp_path, "a,b\n1,2\n", **request_)
