"""Options of `statistics`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from csvswarm.errors import OptionError

from tests.support.jobs import run_in_process, run_with_all_cuts, write_csv


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"windw": 3},
            "processor statistics has no option 'windw'; it takes: columns, window, ddof. Did you mean 'window'?",
        ),
        ({"window": "many"}, "option 'window' of processor statistics is 'many', but must be of type int."),
        ({"window": 0}, "option 'window' of processor statistics is 0, but must be at least 1."),
        ({"window": 2.5}, "option 'window' of processor statistics is 2.5, but must be of type int."),
        ({"columns": ["n", "x"]}, "option 'columns' of statistics names a column 'x', but the file has: n, text."),
        ({"columns": ["text"]}, "option 'columns' of statistics names 'text', which is not numeric but text"),
        ({"columns": []}, "option 'columns' of statistics is an empty list"),
        ({"columns": ["n", "n"]}, "option 'columns' of statistics names 'n' twice"),
        ({"columns": {"n": 1}}, "option 'columns' of processor statistics is {'n': 1}, but must be of type list."),
    ],
)
def test_invalid_option_is_reported_before_the_work(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    (tmp_path / "data.csv").write_text("n,text\n1,one\n")

    with pytest.raises(OptionError) as raised:
        run_in_process(tmp_path, tmp_path / "data.csv", options=options)

    assert str(raised.value).startswith(message)
    assert [path.name for path in tmp_path.iterdir()] == ["data.csv"]


def test_single_column_is_accepted_as_a_list(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("n,m\n1,2\n")

    assert [
        record["column"] for record in run_in_process(tmp_path, tmp_path / "data.csv", options={"columns": "m"}).records
    ] == ["m"]


def test_columns_keep_the_requested_order(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("a,b,c\n1,2,3\n")

    result = run_with_all_cuts(tmp_path, tmp_path / "data.csv", options={"columns": ["c", "a"]})

    assert [(record["column"], record["max"]) for record in result.records] == [("c", "3"), ("a", "1")]


def test_fewer_rows_than_a_window_have_no_window(tmp_path: Path) -> None:
    source = write_csv(tmp_path / "short.csv", ["a"], [[1], [2], [4]])

    assert run_with_all_cuts(tmp_path, source).records[0]["rolling_variance_sum"] == "0.0"
