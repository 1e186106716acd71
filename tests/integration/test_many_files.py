"""Many files as one input. The right rows are those of Python's csv module, file by file, or of pandas.concat."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import lzma
from pathlib import Path

import pandas as pd
import pytest
from csvswarm.errors import InputError, OptionError
from csvswarm.job.directory import JobDirectory
from csvswarm.split.many_chunks import chunks_by_file
from csvswarm.split.run import Request, split
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.jobs import run_in_process, run_with_all_cuts
from tests.support.many_files import CUTS, FIRST, SECOND, record, rows, run, write

NUMBERED = """
def process(block, context):
    block["number"] = block.index
    return block
"""


def test_a_folder_is_one_input_in_the_order_of_its_names(tmp_path: Path) -> None:
    folder = write(tmp_path, {"b.csv": SECOND, "a.csv": FIRST, "_SUCCESS": "", ".hidden": "x", "more/c.csv": "y"})

    result = run(tmp_path, folder, NUMBERED)

    want = [{**row, "number": str(number)} for number, row in enumerate(rows(FIRST) + rows(SECOND))]
    assert result.records == want
    assert [Path(source["path"]).name for source in record(tmp_path)["sources"]] == ["a.csv", "b.csv"]
    assert record(tmp_path)["mode"] == "ranges"


def test_patterns_and_lists_name_files_once(tmp_path: Path) -> None:
    folder = write(tmp_path, {"2023/x.csv": FIRST, "2024/x.csv": SECOND, "2024/y.tsv": "id\tname\n6\tw\n"})

    every = run(tmp_path / "patterns", [folder / "2024/y.tsv", folder / "**/*.csv", folder / "2023/x.csv"])
    listed = run(tmp_path / "listed", [folder / "2024/y.tsv", folder / "2024/x.csv", folder / "2023/x.csv"])

    assert every == listed
    assert every.records == rows(FIRST) + rows(SECOND) + [{"id": "6", "name": "w"}]


def test_a_name_with_the_characters_of_a_pattern_is_a_file(tmp_path: Path) -> None:
    folder = write(tmp_path, {"a[1].csv": FIRST, "a1.csv": SECOND})

    assert run(tmp_path, folder / "a[1].csv").records == rows(FIRST)


OTHERS = {
    "compressed with gzip": gzip.compress(SECOND.encode()),
    "compressed with bzip2": bz2.compress(SECOND.encode()),
    "compressed with xz": lzma.compress(SECOND.encode()),
    "another delimiter": SECOND.replace(",", ";"),
    "another line end": SECOND.replace("\n", "\r\n"),
    "another order": "name,id\nu,4\nv,5\n",
    "a byte order mark": b"\xef\xbb\xbf" + SECOND.encode(),
    "lines before the header": "# made by a logger\n" + SECOND,
    "comments": "id,name\n4,u\n# a comment\n5,v\n",
    "trailing delimiters": "id,name\n4,u,\n5,v,\n",
    "runs of blanks": "id   name\n4    u\n5    v\n",
}


@pytest.mark.parametrize("second", OTHERS.values(), ids=OTHERS)
@pytest.mark.parametrize("turned", [False, True], ids=["second", "first"])
def test_each_file_is_read_in_its_own_layout(tmp_path: Path, second: str | bytes, turned: bool) -> None:
    folder = write(tmp_path, {"a.csv": second, "b.csv": FIRST} if turned else {"a.csv": FIRST, "b.csv": second})

    result = run(tmp_path, folder)

    parts = [rows(FIRST), rows(SECOND)]
    assert result.records == [row for part in (reversed(parts) if turned else parts) for row in part]


def test_what_differs_is_reported_by_name(tmp_path: Path) -> None:
    folder = write(tmp_path, {"a.csv": FIRST, "b.csv": "name;id\nu;4\n"})

    run(tmp_path, folder)

    difference = f"{folder}/b.csv differs from {folder}/a.csv: its delimiter is ';', its columns are in another order."
    assert difference in record(tmp_path)["decisions"]


def test_a_quoted_value_stays_quoted_in_another_order(tmp_path: Path) -> None:
    """NA in quotes is text, also after the columns were brought into order."""
    folder = write(tmp_path, {"a.csv": 'a,b\nx,1\n"NA",2\n', "b.csv": 'b,a\n3,"NA"\n4,NA\n5,"q""u,o"\n'})

    assert run(tmp_path, folder).data == b'a,b\nx,1\n"NA",2\n"NA",3\n,4\n"q""u,o",5\n'


def test_other_columns_are_refused_by_file_and_name(tmp_path: Path) -> None:
    folder = write(tmp_path, {"a.csv": "x,y\n1,2\n", "b.csv": "y,z\n1,2\n", "c.csv": "y,x\n1,2\n", "d.csv": "x\n1\n"})

    with pytest.raises(InputError) as error:
        run(tmp_path, folder)

    message = str(error.value)
    assert message.startswith(f"2 of 4 files have other columns than {folder}/a.csv:\n")
    assert f"\n  {folder}/b.csv lacks 'x' and has 'z' besides\n  {folder}/d.csv lacks 'y'\n" in message
    assert "-e union=true" in message


@pytest.mark.parametrize("delimiter", [",", ";"])
def test_union_keeps_all_columns(tmp_path: Path, delimiter: str) -> None:
    texts = {
        "a.csv": "x,y\n1,2.5\n",
        "b.csv": "y,z\n3,k\n".replace(",", delimiter),
        "c.csv": "z,x,y\nm,5,6\n",
        "d.csv": "z\nn\n",
    }
    folder = write(tmp_path, texts)

    result = run(tmp_path, folder, union=True)

    frames = [pd.read_csv(io.StringIO(text.replace(";", ","))) for text in texts.values()]
    frame = pd.concat(frames, ignore_index=True).astype({"x": "Int64"})
    assert result.data.decode() == frame.to_csv(index=False)


def test_a_record_with_too_many_fields_stays_bad_with_union(tmp_path: Path) -> None:
    """Its number of fields is that of all columns."""
    folder = write(tmp_path, {"a.csv": "x,y,z\n1,2,3\n", "b.csv": "x,y\n4,5\n6,7,8\n"})

    result = run(tmp_path, folder, union=True, on_error="quarantine", max_rejected="100%")

    assert result.data == b"x,y,z\n1,2,3\n4,5,\n"
    ((number, _, _, _, name),) = result.rejects
    assert (number, name) == ("2", "b.csv")


def test_the_file_is_a_column_on_request(tmp_path: Path) -> None:
    folder = write(tmp_path, {"a.csv": FIRST, "b.csv.gz": gzip.compress(SECOND.encode())})

    result = run(tmp_path, folder, source_file=True)

    want = [{**row, "source_file": "a.csv"} for row in rows(FIRST)]
    assert result.records == want + [{**row, "source_file": "b.csv.gz"} for row in rows(SECOND)]
    one = run_in_process(tmp_path / "one", folder / "a.csv", processor=str(tmp_path / "mine.py"), source_file=True)
    assert one.records == want


def test_files_of_one_name_are_distinguished_by_their_folders(tmp_path: Path) -> None:
    folder = write(tmp_path, {"2023/x.csv": "a\n1\n", "2024/x.csv": "a\n2\n"})

    result = run(tmp_path, folder / "*/x.csv", source_file=True)

    assert result.rows == [["1", "2023/x.csv"], ["2", "2024/x.csv"]]


def test_the_name_of_a_file_may_need_quotes(tmp_path: Path) -> None:
    folder = write(tmp_path, {'a, "b".csv': "a,b\n1,2\n", "NA": "a,b\n3,4\n"})

    result = run(tmp_path, folder, source_file=True)

    assert result.data == b'a,b,source_file\n3,4,"NA"\n1,2,"a, ""b"".csv"\n'


def test_a_column_of_that_name_is_refused(tmp_path: Path) -> None:
    folder = write(tmp_path, {"a.csv": "source_file\n1\n"})

    with pytest.raises(OptionError, match="already has a column 'source_file'"):
        run(tmp_path, folder, source_file=True)


def test_one_schema_over_all_files(tmp_path: Path) -> None:
    folder = write(tmp_path, {"a.csv": "a,b\n1,1\n2,2\n", "b.csv": "a,b\n007,2.5\n"})

    assert run(tmp_path, folder).data == b"a,b\n1,1.0\n2,2.0\n007,2.5\n"


def test_statistics_are_those_of_all_files(tmp_path: Path) -> None:
    parts = [[value * 0.1 for value in range(start, start + 40)] for start in (0, 40, 80)]
    texts = ["\n".join(["v", *map(repr, part)]) for part in parts]
    folder = write(tmp_path, {f"{number}.csv": text for number, text in enumerate(texts)})

    result = run_with_all_cuts(tmp_path, folder, cuts=CUTS)

    values = pd.concat([pd.read_csv(io.StringIO(text)) for text in texts])["v"]
    figures = dict(zip(result.header, result.rows[0], strict=True))
    assert float(figures["mean"]) == pytest.approx(values.mean())
    assert int(figures["count"]) == len(values)


def test_files_without_records(tmp_path: Path) -> None:
    folder = write(tmp_path, {"a.csv": "a,b\n", "b.csv": "a,b\n1,2\n", "c.csv": "a,b"})

    assert run(tmp_path, folder).data == b"a,b\n1,2\n"
    assert len(record(tmp_path)["input_chunks"]) == 1
    assert run(tmp_path / "none", folder / "[ac].csv").data == b"a,b\n"


def test_no_chunk_spans_files(tmp_path: Path) -> None:
    folder = write(tmp_path, {f"{name}.csv": f"a\n{name}\n" for name in range(5)})

    manifest = split(JobDirectory(tmp_path / "job"), Request(input=folder, chunks=2, processor="transform"))

    assert [chunk.source for chunk in manifest.chunks] == [0, 1, 2, 3, 4]


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=20), st.integers(1, 200))
def test_chunks_go_to_large_files(sizes: list[int], count: int) -> None:
    counts = [found or 0 for found in chunks_by_file(sizes, count)]

    assert sum(counts) == max(count, len(sizes))
    # No file has pieces that are smaller than another file could have with one more cut.
    assert all(
        counts[one] == 1 or sizes[one] / (counts[one] - 1) >= sizes[other] / counts[other] - 1e-6
        for one in range(len(sizes))
        for other in range(len(sizes))
    )


@pytest.mark.parametrize("limit", [1, 3, 4, 100])
def test_a_limit_counts_the_records_of_all_files(tmp_path: Path, limit: int) -> None:
    folder = write(tmp_path, {"a.csv": FIRST, "b.csv.gz": gzip.compress(SECOND.encode()), "c.csv": FIRST})

    assert run(tmp_path, folder, limit=limit).records == (rows(FIRST) + rows(SECOND) + rows(FIRST))[:limit]


# -- any files ---------------------------------------------------------------------------------------------------------

VALUES = st.text(st.sampled_from('ab",;\n \u00e9'), max_size=4)


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_any_files_have_the_rows_of_pythons_csv(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    directory = tmp_path_factory.mktemp("files")
    names = ["k", "b", "c d"]
    want: list[list[str]] = []
    orders = [data.draw(st.permutations(names)) for _ in range(data.draw(st.integers(1, 4)))]
    for number, order in enumerate(orders):
        values = data.draw(st.lists(st.tuples(VALUES, VALUES), min_size=3, max_size=8))
        table = [[f"k{number}-{index}", *pair] for index, pair in enumerate(values)]
        out = io.StringIO()
        delimiter = data.draw(st.sampled_from(",;|\t"))
        writer = csv.writer(out, delimiter=delimiter, lineterminator="\r\n", quoting=csv.QUOTE_ALL)
        writer.writerow(order)
        writer.writerows([[row[names.index(name)] for name in order] for row in table])
        write(directory, {f"{number}.csv": out.getvalue()})
        want += table

    result = run(directory, directory / "data")

    assert result.header == orders[0]
    assert [[row[result.header.index(name)] for name in names] for row in result.rows] == want
