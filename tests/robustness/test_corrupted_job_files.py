"""Files that change or are damaged between the steps: this is detected, reported, and repaired where possible."""

from __future__ import annotations

import json

import pytest
from csvswarm.job.directory import JobDirectory

from tests.support.damage import AGGREGATE, DATA, change, receipts, split
from tests.support.jobs import Scripts, unmerge_partials

# -- the input ---------------------------------------------------------------------------------------------------------

CHANGES = {
    "a digit": DATA.replace("\n500,500\n", "\n500,501\n"),
    "a digit that is none": DATA.replace("\n500,500\n", "\n500,5x0\n"),
    "a delimiter": DATA.replace("\n500,500\n", "\n500;500\n"),
    "a quote": DATA.replace("\n500,500\n", '\n500,"00\n'),
    "an end of a record": DATA.replace("\n500,500\n", "\n500,500 "),
    "a NUL": DATA.replace("\n500,500\n", "\n500,5\0000\n"),
    "fewer records": DATA[:-50],
}


@pytest.mark.parametrize("changed", CHANGES)
def test_input_changed_after_the_split(scripts: Scripts, changed: str) -> None:
    source = split(scripts)
    change(source, CHANGES[changed].encode())

    line = scripts.process().line

    assert line.startswith(f"{source} has changed since the split: the bytes of chunk ")
    assert line.endswith(" differ. Start a new job on the current file.")
    assert scripts.shows_no_result()


def test_changed_input_is_not_resumed(scripts: Scripts) -> None:
    source = split(scripts)
    source.write_text(CHANGES["a digit"])

    assert scripts.split(source, "--chunks", "3").line == (
        f"job job was made from {source} as it was before it changed: leave out job_id to start a new job."
    )


def test_missing_input(scripts: Scripts) -> None:
    source = split(scripts)
    source.unlink()

    line = scripts.process().line

    assert "No such file or directory" in line
    assert str(source) in line
    assert scripts.shows_no_result()

    source.write_text(DATA)
    assert scripts.process().code == 0


# -- chunk files -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("damage", [lambda data: data[:-40], lambda data: data.replace(b"500", b"501")])
def test_damaged_chunk_file(scripts: Scripts, damage: object) -> None:
    split(scripts, "--mode", "files")
    chunk = scripts.job / "chunks" / "000002.csv"
    assert callable(damage)
    change(chunk, damage(chunk.read_bytes()))

    line = scripts.process().line

    assert line.startswith(f"{chunk} has changed since the split: the bytes of chunk 2 differ.")
    assert scripts.shows_no_result()


@pytest.mark.parametrize("attempt", [(), ("--chunk", "2", "--attempt", "a")], ids=["pool", "container"])
def test_missing_chunk_file(scripts: Scripts, attempt: tuple[str, ...]) -> None:
    split(scripts, "--mode", "files")
    chunk = scripts.job / "chunks" / "000002.csv"
    data = chunk.read_bytes()
    chunk.unlink()

    line = scripts.process(*attempt).line

    assert str(chunk) in line
    assert "No such file or directory" in line
    assert "rerun with the same job_id" in line

    chunk.write_bytes(data)
    assert scripts.process().code == 0
    assert scripts.collect().answer["rows_in"] == 900


def test_collection_reports_a_chunk_damaged_in_a_container(scripts: Scripts) -> None:
    split(scripts, "--mode", "files", "--processor", "transform")
    chunk = scripts.job / "chunks" / "000002.csv"
    data = chunk.read_bytes()
    change(chunk, data.replace(b"500", b"501"))
    message = f"{chunk} has changed since the split: the bytes of chunk 2 differ."

    for number in ("1", "2", "3"):
        assert scripts.process("--chunk", number).code == 0  # a retry would fail in the same way
    assert scripts.collect().line.startswith(message)
    assert scripts.shows_no_result()

    change(chunk, data)
    assert scripts.process().answer["chunks_run"] == 1
    assert scripts.collect().answer["rows_in"] == 900
    assert (scripts.output / "result.csv").read_text() == DATA


def test_chunk_damaged_before_the_next_reads_its_overlap(scripts: Scripts) -> None:
    processor = scripts.directory / "recent.py"
    processor.write_text(
        "OVERLAP = 2\n\n"
        "def process(block, context):\n"
        "    return block.assign(most=block.x.rolling(3, min_periods=1).max()).iloc[context.overlap :]\n"
    )
    split(scripts, "--mode", "files", "--processor", str(processor))
    assert scripts.process("--chunk", "1").code == 0
    chunk = scripts.job / "chunks" / "000001.csv"
    lines = chunk.read_bytes().splitlines(keepends=True)
    change(chunk, b"".join([*lines[:-1], lines[-1].replace(b",", b",9")[:-2] + b"\n"]))

    assert scripts.process().line.startswith(f"{chunk} has changed since the split: the bytes of chunk 1 differ.")
    assert scripts.shows_no_result()


# -- partials ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("processor", "mode", "gone"),
    [
        (("--processor", "transform"), "ranges", True),
        (("--processor", "transform"), "files", False),
        (AGGREGATE, "ranges", False),
        (AGGREGATE, "files", True),
    ],
    ids=["rows gone", "rows corrupted", "groups corrupted", "groups gone"],
)
def test_only_a_lost_partial_is_reprocessed(
    scripts: Scripts, processor: tuple[str, ...], mode: str, gone: bool
) -> None:
    split(scripts, *processor, "--mode", mode)
    assert scripts.process().answer["chunks_run"] == 3
    unmerge_partials(
        JobDirectory(scripts.job)
    )  # for partials in the merged file, see tests/unit/partials/test_early_merge.py
    before = receipts(scripts)
    (partial,) = (scripts.job / "attempts").glob("000002-*.partial.*")
    if gone:
        partial.unlink()
    else:
        data = bytearray(partial.read_bytes())
        data[len(data) // 2] ^= 1
        partial.write_bytes(data)

    line = scripts.collect().line

    assert line == (
        f"the partial of chunk 2 in {scripts.job / 'attempts'} is lost or damaged: its receipt was revoked; "
        "rerun job job: only this chunk is reprocessed."
    )
    assert scripts.shows_no_result()
    assert [name for name in before if name not in receipts(scripts)] == ["000002-0001.json"]

    assert scripts.process().answer["chunks_run"] == 1
    assert scripts.collect().answer["rows_in"] == 900
    header = "id,x_sum" if processor == AGGREGATE else "id,x"
    assert (scripts.output / "result.csv").read_text() == DATA.replace("id,x", header, 1)


def test_lost_rejects_are_reprocessed(scripts: Scripts) -> None:
    source = scripts.directory / "data.csv"
    source.write_text(DATA + "1\n")
    assert scripts.split(source, "--chunks", "3", "--on-error", "quarantine").code == 0
    assert scripts.process().code == 0
    (rejected,) = (scripts.job / "attempts").glob("*.rejected.csv")
    rejected.write_bytes(rejected.read_bytes()[:-1])

    assert scripts.collect().line.startswith(f"the partial of chunk 3 in {scripts.job / 'attempts'} is lost or damaged")
    assert "_SUCCESS" not in {path.name for path in scripts.output.iterdir()}

    assert scripts.process().answer["chunks_run"] == 1
    assert scripts.collect().answer["rejected"] == 1


# -- the job's own files -----------------------------------------------------------------------------------------------


SHAPES = {"cut off": b'{"format": 2, "chu', "nothing": b"", "no text": b"\xff\xfe\x80", "no object": b"[]"}
FIELDS = {"no fields": b'{"format": 2}', "other fields": b'{"format": 2, "status": "odd", "chunks": [{}], "kinds": 1}'}


@pytest.mark.parametrize("damage", [*SHAPES, *FIELDS])
@pytest.mark.parametrize("name", ["manifest.json", "schema-0001.json", "receipts/000002-0001.json"])
def test_damaged_job_file(scripts: Scripts, name: str, damage: str) -> None:
    split(scripts, "--durable")  # see below for an empty receipt of another job
    assert scripts.process().code == 0
    (scripts.job / name).write_bytes({**SHAPES, **FIELDS}[damage])

    for line in (scripts.process().line, scripts.collect().line):
        assert line.startswith(f"{scripts.job / name} is damaged (")
        if name.startswith("receipts"):
            assert line.endswith(": remove it and rerun the job; only chunk 2 is reprocessed.")
        else:
            assert line.endswith(": remove the job's directory and restart the job.")
    assert scripts.shows_no_result()


def test_empty_receipt_after_a_power_cut_is_revoked(scripts: Scripts) -> None:
    split(scripts, "--processor", "transform")
    assert scripts.process().code == 0
    (scripts.job / "receipts" / "000002-0001.json").write_bytes(b"")

    assert scripts.collect().line.startswith(f"{scripts.job / 'receipts' / '000002-0001.json'} is damaged (")
    assert scripts.process().answer["chunks_run"] == 1
    assert scripts.collect().answer["rows_in"] == 900
    assert (scripts.output / "result.csv").read_text() == DATA


def test_chunk_of_a_removed_damaged_receipt_is_reprocessed(scripts: Scripts) -> None:
    split(scripts, "--processor", "transform")
    assert scripts.process().code == 0
    (scripts.job / "receipts" / "000002-0001.json").unlink()

    assert scripts.process().answer["chunks_run"] == 1
    assert scripts.collect().answer["rows_in"] == 900
    assert (scripts.output / "result.csv").read_text() == DATA


def test_job_of_another_format_version(scripts: Scripts) -> None:
    source = split(scripts)
    manifest = json.loads((scripts.job / "manifest.json").read_text())
    (scripts.job / "manifest.json").write_text(json.dumps({**manifest, "format": 99}))

    for line in (scripts.split(source).line, scripts.process().line):
        assert line.startswith("job job was made by another version of csvswarm (format 99,")


def test_changed_processor_copy_is_rejected(scripts: Scripts) -> None:
    split(scripts)
    with (scripts.job / "processor.py").open("a") as file:
        file.write("# mine\n")

    line = scripts.process().line

    assert line == f"{scripts.job / 'processor.py'} has changed since the job was created; start a new job."


# -- the result --------------------------------------------------------------------------------------------------------


def test_finished_result_is_kept(scripts: Scripts) -> None:
    split(scripts, "--processor", "transform")
    assert scripts.process().code == 0
    first = scripts.collect().answer

    assert scripts.process().answer["chunks_run"] == 0
    assert scripts.collect().answer == first
    assert (scripts.output / "result.csv").read_text() == DATA


@pytest.mark.parametrize("damage", [*SHAPES, *FIELDS])
def test_damaged_marker_is_ignored(scripts: Scripts, damage: str) -> None:
    source = split(scripts, "--processor", "transform")
    assert scripts.process().code == 0
    assert scripts.collect().code == 0
    (scripts.output / "_SUCCESS").write_bytes({**SHAPES, **FIELDS}[damage])

    assert scripts.collect().line == (
        f"job job is done: its result is in {scripts.output} and its data was removed. "
        "To reprocess it, rerun the job from the split."
    )

    assert scripts.all(source, "--chunks", "3", "--processor", "transform").data == DATA.encode()


@pytest.mark.parametrize("damage", SHAPES)
def test_damaged_report(scripts: Scripts, damage: str) -> None:
    split(scripts)
    assert scripts.process().code == 0
    assert scripts.collect().code == 0
    (scripts.output / "job.json").write_bytes(SHAPES[damage])

    line = scripts.collect().line

    assert line.startswith(f"{scripts.output / 'job.json'} is damaged (")
    assert line.endswith(": name another output directory, or remove that one first.")
