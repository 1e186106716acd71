"""Files that travel with a job: found and imported by the processor, copied, verified, and compared by a resume."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from csvswarm.errors import CsvswarmError, JobError, OptionError
from csvswarm.job.directory import JobDirectory
from csvswarm.job.request import Request
from csvswarm.job.side_files import find_side_files
from csvswarm.process.run import process_all
from csvswarm.processor_api.loader import BUILT_IN, load_job_processor, load_processor
from csvswarm.split.check import check
from csvswarm.split.run import split
from csvswarm.verify.run import verify

from tests.support.jobs import run_in_process, run_with_all_cuts

ROWS = "".join(f"{'abc'[row % 3]},{row}\n" for row in range(30))
#: Uses all three: a table, a module, and a pickled object of a class in that module.
PROCESSOR = """
import csv, pickle
import prices

table = None

def process(block, context):
    global table
    if table is None:
        table = dict(csv.reader(context.file("names.csv").read_text().splitlines()))
    model = pickle.loads(context.file("model.pkl").read_bytes())
    block["name"] = block["key"].map(table)
    block["price"] = model.price(block["n"]) + prices.FEE
    return block
"""
MODULE = """
FEE = 1

class Model:
    def __init__(self, factor):
        self.factor = factor

    def price(self, count):
        return count * self.factor
"""


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """A processor and its three side files, each in another folder."""
    (tmp_path / "mine.py").write_text(PROCESSOR)
    folder = tmp_path / "side"
    folder.mkdir()
    (tmp_path / "data.csv").write_text(f"key,n\n{ROWS}")
    (folder / "names.csv").write_text("a,Anna\nb,Bob\nc,Carla\n")
    (folder / "prices.py").write_text(MODULE)
    # As the module's class, which pickle names and the processor imports.
    (folder / "model.pkl").write_bytes(b"\x80\x02cprices\nModel\n)\x81}U\x06factorK\x03sb.")
    return [folder / "names.csv", folder / "prices.py", folder / "model.pkl"]


def expected() -> list[list[str]]:
    names = {"a": "Anna", "b": "Bob", "c": "Carla"}
    rows = [line.split(",") for line in ROWS.splitlines()]
    return [[key, number, names[key], str(int(number) * 3 + 1)] for key, number in rows]


def test_processor_reads_and_imports_side_files(tmp_path: Path, files: list[Path]) -> None:
    found = run_with_all_cuts(tmp_path, tmp_path / "data.csv", processor=str(tmp_path / "mine.py"), files=files)

    assert found.rows == expected()


def test_job_keeps_copies_that_nobody_writes_to(tmp_path: Path, files: list[Path]) -> None:
    run_in_process(tmp_path, tmp_path / "data.csv", processor=str(tmp_path / "mine.py"), files=files)

    copies = tmp_path / "job-1-1048576/files"
    assert {path.name for path in copies.iterdir()} == {"names.csv", "prices.py", "model.pkl"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in copies.iterdir()} == {0o400}
    assert [(copies / path.name).read_bytes() == path.read_bytes() for path in files] == [True] * 3
    record = json.loads((tmp_path / "job-1-1048576-out/job.json").read_text())
    assert [file["source"] for file in record["files"]] == [str(path) for path in files]


def test_workers_check_and_verify_find_side_files(tmp_path: Path, files: list[Path]) -> None:
    request = Request(input=tmp_path / "data.csv", processor=str(tmp_path / "mine.py"), files=files, chunks=3)

    assert check(JobDirectory(tmp_path / "job"), request, tmp_path / "out")["chunks"] == 3
    assert verify(request, tmp_path / "jobs") == {"records": 30, "ways": 3}
    split(JobDirectory(tmp_path / "job"), request)
    assert process_all(JobDirectory(tmp_path / "job"), 2).chunks_run == 3


def test_module_of_another_job_is_not_imported(tmp_path: Path, files: list[Path]) -> None:
    run_in_process(tmp_path, tmp_path / "data.csv", processor=str(tmp_path / "mine.py"), files=files)
    files[1].write_text(MODULE.replace("FEE = 1", "FEE = 5"))
    (tmp_path / "second").mkdir()

    found = run_in_process(tmp_path / "second", tmp_path / "data.csv", processor=str(tmp_path / "mine.py"), files=files)

    assert found.rows[1][3] == "8"


# -- refused ---------------------------------------------------------------------------------------------------------


def test_unknown_name_lists_the_side_files(tmp_path: Path, files: list[Path]) -> None:
    for given, known in ((files[:2], "its files are: names.csv, prices.py"), ([], "it has none")):
        processor = tmp_path / "mine.py"
        processor.write_text("def process(block, context):\n    return context.file('lookup.csv')\n")
        with pytest.raises(CsvswarmError) as error:
            run_in_process(tmp_path / str(len(given)), tmp_path / "data.csv", processor=str(processor), files=given)
        assert str(error.value) == (
            f"the processor needs the file 'lookup.csv', but the job has no such file: {known}. "
            """Pass it with the job: -e '{"files": ["PATH/lookup.csv"]}'."""
        )


def test_same_name_twice(tmp_path: Path, files: list[Path]) -> None:
    (tmp_path / "names.csv").write_text("")

    with pytest.raises(OptionError, match=r"files: .*/side/names.csv and .*/names.csv have the same name, names.csv"):
        find_side_files([files[0], tmp_path / "names.csv"])


def test_missing_file_directory_and_control_character(tmp_path: Path) -> None:
    (tmp_path / "a\nb").write_text("")

    with pytest.raises(OptionError, match=r"files: .*/none.csv does not exist"):
        find_side_files([tmp_path / "none.csv"])
    with pytest.raises(OptionError, match=r"files: .* is a directory: name the files in it"):
        find_side_files([tmp_path])
    with pytest.raises(OptionError, match="has a control character in its name"):
        find_side_files([tmp_path / "a\nb"])


@pytest.mark.parametrize("name", ["statistics.py", "pandas.py", "csvswarm.py", "__main__.py"])
def test_module_name_that_is_taken(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("")
    (tmp_path / "mine.py").write_text("def process(block, context): return block\n")

    with pytest.raises(OptionError, match=f"files: {name} has the name of another module"):
        load_processor(tmp_path / "mine.py", find_side_files([tmp_path / name]))


def test_built_in_processor_imports_no_side_file(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("import side_module\ndef process(block, context): return block\n")
    (tmp_path / "side_module.py").write_text("")
    load_processor(tmp_path / "mine.py", find_side_files([tmp_path / "side_module.py"]))

    load_processor(BUILT_IN / "transform.py", find_side_files([tmp_path / "side_module.py"]))

    with pytest.raises(ImportError):
        __import__("side_module")


def test_error_in_a_module_names_its_line(tmp_path: Path, files: list[Path]) -> None:
    files[1].write_text(MODULE.replace("count * self.factor", "count.nothing"))

    with pytest.raises(CsvswarmError, match=r"mine.py:13 in process: .*\n  prices.py:9 in price: return count.nothing"):
        run_in_process(tmp_path, tmp_path / "data.csv", processor=str(tmp_path / "mine.py"), files=files)


# -- resume ----------------------------------------------------------------------------------------------------------


def test_resume_compares_files_by_content(tmp_path: Path, files: list[Path]) -> None:
    request = Request(input=tmp_path / "data.csv", processor=str(tmp_path / "mine.py"), files=files, chunks=2)
    job = JobDirectory(tmp_path / "job")
    first = split(job, request)

    assert split(job, request) == first
    with pytest.raises(JobError, match=r"with other files \(names.csv, prices.py, model.pkl\): leave out job_id"):
        split(job, Request(**{**vars(request), "files": files[1:]}))
    files[0].write_text("a,Other\n")
    with pytest.raises(JobError, match=r"with another version of names\.csv: leave out job_id to start a new job"):
        split(job, request)


def test_changed_copy_is_refused(tmp_path: Path, files: list[Path]) -> None:
    job = JobDirectory(tmp_path / "job")
    manifest = split(
        job, Request(input=tmp_path / "data.csv", processor=str(tmp_path / "mine.py"), files=files, chunks=2)
    )
    for name, damage in (("names.csv", lambda path: path.write_text("a,Other\n")), ("model.pkl", Path.unlink)):
        copy = job.files_directory / name
        copy.chmod(0o600)
        damage(copy)
        with pytest.raises(JobError, match=f"{name} has changed since the job was created: start a new job"):
            load_job_processor(job, manifest).files.path(name)
