"""Options of `aggregate`: wrong ones give one message before anything runs."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from csvswarm.errors import OptionError

from tests.processors.aggregate_metrics import FOR_NUMBERS_ONLY
from tests.support.jobs import run_in_process, run_with_all_cuts, write_csv

GROUP_BY, METRICS = "option 'group_by' of aggregate", "option 'metrics' of aggregate"


def options_and_messages() -> Iterable[tuple[dict[str, Any], str]]:
    count = {"n": "count"}
    yield {}, "processor aggregate needs the option 'group_by'"
    yield {"group_by": "g"}, "processor aggregate needs the option 'metrics'"
    yield {"group_by": "g", "metric": count}, "processor aggregate has no option 'metric'"
    yield (
        {"group_by": "g", "metrics": "sum"},
        "option 'metrics' of processor aggregate is 'sum', but must be of type dict",
    )
    yield {"group_by": "x", "metrics": count}, f"{GROUP_BY} names a column 'x', but the file has: g, n, t, at."
    yield {"group_by": ["g", "g"], "metrics": count}, f"{GROUP_BY} names 'g' twice"
    yield {"group_by": "g", "metrics": {"x": "sum"}}, f"{METRICS} names a column 'x', but the file has: g, n, t, at."
    yield {"group_by": "g", "metrics": {"n": "men"}}, f"{METRICS} requests 'men' of 'n': use one of count, sum,"
    yield {"group_by": "g", "metrics": {"n": 5}}, f"{METRICS} requests 5 of 'n': use one of count,"
    yield {"group_by": "g", "metrics": {"n": None}}, f"{METRICS} requests no metric of 'n': use one of count,"
    yield {"group_by": "g", "metrics": {"n": []}}, f"{METRICS} requests no metric of 'n': use one of count,"
    yield {"group_by": "g", "metrics": {"n": [["sum"]]}}, f"{METRICS} requests ['sum'] of 'n': use one of count,"
    yield {"group_by": "g", "metrics": {"n": ["sum", "sum"]}}, f"{METRICS} requests 'sum' of 'n' twice"
    yield {"group_by": [], "metrics": count}, "options 'group_by' and 'metrics' of aggregate must each name"
    yield {"group_by": "g", "metrics": {}}, "options 'group_by' and 'metrics' of aggregate must each name"
    for metric, (column, kind) in itertools.product(FOR_NUMBERS_ONLY, [("t", "text"), ("at", "timestamp")]):
        message = f"{METRICS} requests the {metric} of {column!r}, which is {kind}, not a number"
        yield {"group_by": "g", "metrics": {column: metric}}, message


@pytest.mark.parametrize(("options", "message"), list(options_and_messages()))
def test_invalid_option_is_reported_before_the_work(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    (tmp_path / "data.csv").write_text("g,n,t,at\na,1,one,2024-01-01 00:00:00\n")

    with pytest.raises(OptionError) as raised:
        run_in_process(
            tmp_path,
            tmp_path / "data.csv",
            processor="aggregate",
            options=options,
            column_types={"at": "timestamp"},
        )

    assert str(raised.value).startswith(message)
    assert [path.name for path in tmp_path.iterdir()] == ["data.csv"]


@pytest.mark.parametrize("ddof", [0, 1, 2])
def test_ddof_matches_pandas_and_statistics(tmp_path: Path, ddof: int) -> None:
    values = [1, 2, 4, 8.5]
    source = write_csv(tmp_path / "data.csv", ["g", "x"], [["a", value] for value in values])

    options = {"group_by": ["g"], "metrics": {"x": ["var", "std"]}, "ddof": ddof}
    (group,) = run_with_all_cuts(tmp_path / "groups", source, processor="aggregate", options=options).records
    column = run_with_all_cuts(tmp_path / "columns", source, options={"columns": ["x"], "ddof": ddof}).records[0]

    assert (group["x_var"], group["x_std"]) == (column["variance"], column["std"])
    assert float(group["x_var"]) == pytest.approx(pd.Series(values).var(ddof=ddof))
