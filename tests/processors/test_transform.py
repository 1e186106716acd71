"""transform, compared with the same pandas code on the whole file; untouched text stays the same byte for byte."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from csvswarm.errors import CsvswarmError
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.processors.transform_runs import transform, written
from tests.support.jobs import SAMPLE, run_in_process, run_with_all_cuts

SAMPLE_CUTS = ((1, 1 << 20), (2, 1 << 18), (7, 1 << 16))


# -- the sample --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def flights() -> pd.DataFrame:
    """The sample as a processor sees it, where integers with missing values stay integers."""
    frame = pd.read_csv(SAMPLE)
    gaps = [name for name in frame.select_dtypes("number") if frame[name].isna().any()]
    return frame.astype(dict.fromkeys(gaps, "Int64"))


@pytest.mark.parametrize(
    ("where", "assign", "columns"),
    [
        ("dep_delay > 60", {}, None),
        ("carrier in ['UA', 'AA'] and not (origin == 'JFK' or 99 < distance < 500)", {}, ["flight", "carrier", "dest"]),
        ("arr_delay.isna()", {}, ["tailnum", "arr_delay"]),
        ("dep_delay != 2", {}, ["dep_delay"]),
        ("tailnum != 'N14228' and air_time.notna()", {"speed": "distance / air_time * 60"}, None),
        (None, {"late": "arr_delay > 15", "gained": "dep_delay - arr_delay", "half": "distance / 2"}, None),
        ("dest.str.startswith('I')", {"to": "dest.str.lower()", "far": "distance > 1000"}, ["to", "far", "dest"]),
        (None, {"log": "log(distance)", "more": "log * 2", "dest": "origin + dest"}, ["dest", "more"]),
        ("day < 0", {"speed": "distance / air_time"}, None),
    ],
)  # fmt: skip
def test_sample_matches_pandas(
    tmp_path: Path, flights: pd.DataFrame, where: str | None, assign: dict[str, str], columns: list[str] | None
) -> None:
    options = {"where": where, "assign": assign, "columns": columns}
    ours = run_with_all_cuts(tmp_path, SAMPLE, cuts=SAMPLE_CUTS, processor="transform", options=options)

    as_text = pd.read_csv(SAMPLE, dtype=str, keep_default_na=False)
    expected = flights.query(where, engine="python") if where else flights
    for name, expression in assign.items():
        expected = expected.copy()
        expected[name] = expected.eval(expression, engine="python")
    expected = expected[columns] if columns else expected
    assert ours.header == list(expected.columns)
    assert len(ours.rows) == len(expected)
    columns_of_text = list(zip(*ours.rows, strict=True)) or [()] * len(ours.header)
    for name, texts in zip(expected.columns, columns_of_text, strict=True):
        if name not in assign:
            assert list(texts) == as_text.loc[expected.index, name].tolist(), name
        elif pd.api.types.is_float_dtype(expected[name].dtype):
            values = expected[name].to_numpy(float, na_value=np.nan)
            assert np.array_equal([float(text or "nan") for text in texts], values, equal_nan=True), name
        else:
            assert list(texts) == ["" if pd.isna(value) else str(value) for value in expected[name]], name


def test_without_options_the_result_is_the_input(tmp_path: Path) -> None:
    assert run_with_all_cuts(tmp_path, SAMPLE, cuts=SAMPLE_CUTS, processor="transform").data == SAMPLE.read_bytes()


# -- any text ----------------------------------------------------------------------------------------------------------

fields = st.text(st.sampled_from('ab0.,;\t"\n\r é\N{CAT FACE}'), max_size=6) | st.sampled_from(
    ["", "NA", "1.50", "007", "True", "1e5", "9007199254740993", "-0.0", "=1+1"]
)


@st.composite
def files(draw: st.DrawFn) -> tuple[bytes, list[list[str]], str]:
    """Return a CSV of three columns in any dialect, its parsed rows, and the delimiter."""
    delimiter = draw(st.sampled_from(",;\t|"))
    ending = draw(st.sampled_from(["\n", "\r\n"]))
    rows = draw(st.lists(st.lists(fields, min_size=2, max_size=2), max_size=15))
    quote_all = draw(st.booleans())

    def field(text: str) -> str:
        if quote_all or any(special in text for special in (delimiter, '"', "\n", "\r")):
            return '"' + text.replace('"', '""') + '"'
        return text

    table = [[str(index), *row] for index, row in enumerate(rows)]
    lines = [delimiter.join(map(field, row)) + ending for row in [["row", "one", "two"], *table]]
    bom = "\ufeff" if draw(st.booleans()) else ""
    return (bom + "".join(lines)).encode(), table, delimiter


@settings(max_examples=30)
@given(file=files())
def test_any_file_is_copied_byte_for_byte(
    tmp_path_factory: pytest.TempPathFactory, file: tuple[bytes, list[list[str]], str]
) -> None:
    data, _, delimiter = file
    directory = tmp_path_factory.mktemp("any")
    (directory / "data.csv").write_bytes(data)

    assert transform(directory, directory / "data.csv", request={"delimiter": delimiter}).data == data


@settings(max_examples=30)
@given(file=files(), modulus=st.integers(1, 4), remainder=st.integers(0, 3))
def test_selected_rows_and_columns_keep_their_text(
    tmp_path_factory: pytest.TempPathFactory, file: tuple[bytes, list[list[str]], str], modulus: int, remainder: int
) -> None:
    data, table, delimiter = file
    directory = tmp_path_factory.mktemp("any")
    (directory / "data.csv").write_bytes(data)

    result = transform(
        directory,
        directory / "data.csv",
        request={"delimiter": delimiter, "column_types": {"row": "int"}},
        where=f"row % {modulus} == {remainder}",
        assign={"next": "row + 1"},
        columns=["two", "next", "one", "two"],
    )

    text = result.data.decode().removeprefix("\ufeff")
    seen = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    kept = [row for row in table if int(row[0]) % modulus == remainder]
    assert seen == [["two", "next", "one", "two"], *([two, str(int(row) + 1), one, two] for row, one, two in kept)]


# -- what stays as it was ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "where", "expected"),
    [
        ("n,x\r\n1,1.50\r\n2,0x\r\n", "n > 1", "n,x\r\n2,0x\r\n"),
        ("\ufeffn;x\n1;1,5\n2;2,5\n", "n < 2", "\ufeffn;x\n1;1,5\n"),
        ("n\tx\n1\ta,b\n2\t\n", "n > 0", "n\tx\n1\ta,b\n2\t\n"),
        ("n|x\n1|a\n3|c", "n == 3", "n|x\n3|c\n"),
        ('"n","x"\n"1","a"\n"2","b\nb"\n', "n == 2", '"n","x"\n"2","b\nb"\n'),
        ("n,x\n\n1,a\n\n\n2,b\n", "n > 0", "n,x\n1,a\n2,b\n"),
        ("n,n,\n1,2,3\n4,5,6\n", "`n.1` == 5", "n,n,\n4,5,6\n"),
    ],
    ids=["CRLF", "BOM and semicolons", "tabs", "no last newline", "quotes", "blank lines", "names given twice"],
)
def test_result_keeps_the_input_dialect(tmp_path: Path, text: str, where: str, expected: str) -> None:
    assert transform(tmp_path, written(tmp_path, text), where=where).data.decode() == expected


def test_only_requested_columns_are_changed(tmp_path: Path) -> None:
    source = written(tmp_path, 'id,price,note\n007,1.50,"NA"\n008,2.00,\n009,,"a ""b"""\n')

    result = transform(tmp_path, source, assign={"double": "price * 2", "price": "price + 1"})

    assert result.data.decode() == (
        'id,price,note,double\n007,2.5,"NA",3.0\n008,3.0,,4.0\n009,,"a ""b""",\n'
    )  # fmt: skip


@pytest.mark.parametrize("options", [{"columns": ["b"]}, {"assign": {"c": "b * 2"}, "columns": ["c"]}])
def test_lone_missing_value_is_a_record(tmp_path: Path, options: dict[str, Any]) -> None:
    source = written(tmp_path, "a,b\r\n1,5\r\n2,\r\n3,7\r\n")

    result = transform(tmp_path, source, **options)

    # every CSV reader skips a blank line
    assert [row[0] for row in result.rows][1] == ""
    assert result.data.count(b"\r\n") == 4
    assert b"\r\n\r\n" not in result.data


def test_text_requiring_quotes_is_rejected_without_a_quotechar(tmp_path: Path) -> None:
    source = written(tmp_path, "a,b\nx-y,2\n")

    with pytest.raises(CsvswarmError, match=r"'x,y' cannot be written: .* quotechar is empty"):
        run_in_process(
            tmp_path, source, processor="transform", quotechar="", options={"assign": {"c": "a.str.replace('-', ',')"}}
        )
