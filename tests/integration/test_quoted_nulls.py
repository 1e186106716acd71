"""A quoted null value that could also be parsed as a value is missing in every block."""

from __future__ import annotations

from pathlib import Path

import pytest
from csvswarm.types.conversion import TextConverter

from tests.support.jobs import native, run_with_all_cuts, write_csv

CASES = {
    "int": ("-1", ["1", '"-1"', "2", '" 3 "', "4"], ["2", "", "4", "6", "8"]),
    "float": ("0.5", ["1.5", '"0.5"', "2", " 3 ", "4"], ["3.0", "", "4.0", "6.0", "8.0"]),
    "infinity": ("inf", ["1.5", '"inf"', "2", " 3 ", "4"], ["3.0", "", "4.0", "6.0", "8.0"]),
    "exponent": ("1e3", ["1.5", '"1e3"', "2", " 3 ", "4"], ["3.0", "", "4.0", "6.0", "8.0"]),
}


@pytest.mark.parametrize("with_kernel", [True, False])
@pytest.mark.parametrize("case", CASES)
def test_quoted_null_is_missing_in_any_block(tmp_path: Path, case: str, with_kernel: bool) -> None:
    null, given, expected = CASES[case]
    source = tmp_path / "data.csv"
    source.write_text("id,x\n" + "".join(f"{number},{value}\n" for number, value in enumerate(given)))
    with native(with_kernel):
        result = run_with_all_cuts(
            tmp_path, source, processor="transform", options={"assign": {"y": "x * 2"}}, null_values=[null]
        )
    assert [record["y"] for record in result.records] == expected


@pytest.mark.parametrize("with_kernel", [True, False])
def test_quoted_true_may_be_a_null_value(tmp_path: Path, with_kernel: bool) -> None:
    (tmp_path / "same.py").write_text("def process(block, context):\n    return block\n")
    source = tmp_path / "data.csv"
    source.write_text('id,x\n1,True\n2,"true"\n3,False\n4, False \n5,True\n')
    with native(with_kernel):
        result = run_with_all_cuts(tmp_path, source, processor=str(tmp_path / "same.py"), null_values=["true"])
    assert [record["x"] for record in result.records] == ["True", "", "False", "False", "True"]


def test_quoted_null_stays_text_in_a_text_column(tmp_path: Path) -> None:
    (tmp_path / "same.py").write_text("def process(block, context):\n    return block\n")
    source = write_csv(tmp_path / "data.csv", ["id", "x"], [["1", "a"], ["2", "b"]])
    source.write_text('id,x\n1,a\n2,"-1"\n3,-1\n')
    result = run_with_all_cuts(tmp_path, source, processor=str(tmp_path / "same.py"), null_values=["-1"])
    assert [record["x"] for record in result.records] == ["a", "-1", ""]


def test_default_null_values_are_missing() -> None:
    """So the columns of most jobs need no search."""
    values = TextConverter()
    for kind in ("int", "float", "bool"):
        for fixed in (True, False):
            assert not len(values.readable_nulls(kind, fixed))
