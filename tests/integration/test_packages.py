"""Packages of a user's processor on one machine: from a wheel beside the test, and from the index."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from csvswarm.errors import JobError, OptionError
from csvswarm.job.directory import JobDirectory
from csvswarm.job.request import Request
from csvswarm.packages import environment
from csvswarm.packages.environment import find_packages, own_versions
from csvswarm.process.run import process_all
from csvswarm.split.board_packages import lock_for_boards
from csvswarm.split.run import split

from tests.support.jobs import ROOT, run_in_process, run_with_all_cuts
from tests.support.packages import LEARNING, SCORES, need_index

PROCESSOR = """
import side_package

def process(block, context):
    return block.assign(y=block["x"] * side_package.FACTOR)
"""


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of wheels that uv takes instead of an index, with a pure package of two versions."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    for version, tags in (("1.0", "py3-none-any"), ("2.0", "cp313-cp313-manylinux_2_28_x86_64")):
        wheel(folder, version, tags)
    monkeypatch.setenv("UV_FIND_LINKS", str(folder))
    monkeypatch.setenv("UV_NO_INDEX", "1")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
    monkeypatch.setattr(environment, "cache_directory", lambda: tmp_path / "cache")
    return folder


def wheel(folder: Path, version: str, tags: str) -> None:
    with zipfile.ZipFile(folder / f"side_package-{version}-{tags}.whl", "w") as archive:
        info = f"side_package-{version}.dist-info"
        archive.writestr("side_package.py", f"FACTOR = {int(float(version) * 3)}\n")
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: side-package\nVersion: {version}\n")
        archive.writestr(f"{info}/WHEEL", f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tags}\n")
        archive.writestr(f"{info}/RECORD", f"side_package.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    (tmp_path / "data.csv").write_text("x,z\n1,0\n2,0\n5,0\n")
    (tmp_path / "packages.txt").write_text("side-package==1.0\n")
    path = tmp_path / "mine.py"
    path.write_text(PROCESSOR)
    return path


@pytest.mark.usefixtures("index")
def test_processor_imports_its_packages(mine: Path, tmp_path: Path) -> None:
    found = run_with_all_cuts(
        tmp_path, tmp_path / "data.csv", processor=str(mine), requirements=tmp_path / "packages.txt"
    )

    assert found.data == b"x,z,y\n1,0,3\n2,0,6\n5,0,15\n"
    record = json.loads((tmp_path / "job-1-1048576-out/job.json").read_text())
    assert record["packages"]["versions"] == {"side-package": "1.0"}
    assert len([*(tmp_path / "cache").glob("site-*")]) == 1


@pytest.mark.usefixtures("index")
def test_packages_of_one_job_are_not_those_of_the_next(mine: Path, tmp_path: Path) -> None:
    run_in_process(tmp_path, tmp_path / "data.csv", processor=str(mine), requirements=tmp_path / "packages.txt")
    sys.modules.pop("side_package")

    run_in_process(tmp_path, tmp_path / "data.csv", processor="transform", chunks=2)

    assert importlib.util.find_spec("side_package") is None


def test_resume_compares_versions(index: Path, mine: Path, tmp_path: Path) -> None:
    request = Request(
        input=tmp_path / "data.csv", processor=str(mine), requirements=tmp_path / "packages.txt", chunks=2
    )
    first = split(JobDirectory(tmp_path / "job"), request)
    assert split(JobDirectory(tmp_path / "job"), request) == first
    wheel(index, "1.5", "py3-none-any")
    (tmp_path / "packages.txt").write_text("side-package==1.5\n")

    with pytest.raises(JobError, match=r"with other packages \(side-package 1\.0, now 1\.5\): leave out job_id"):
        split(JobDirectory(tmp_path / "job"), request)


@pytest.mark.usefixtures("index")
def test_missing_packages(mine: Path, tmp_path: Path) -> None:
    request = Request(input=tmp_path / "data.csv", processor=str(mine), requirements=tmp_path / "packages.txt")
    job = JobDirectory(tmp_path / "job")
    split(job, request)
    (directory,) = (tmp_path / "cache").glob("site-*")
    directory.rename(tmp_path / "away")

    with pytest.raises(JobError, match=r"the packages of the job are missing from .*: rerun it with the same job_id"):
        process_all(job, 1)
    split(job, request)
    assert process_all(job, 1).chunks_run == 1


@pytest.mark.usefixtures("index")
def test_built_in_processor_takes_none(tmp_path: Path, mine: Path) -> None:
    assert mine.is_file()
    with pytest.raises(OptionError, match="requirements: processor statistics needs no packages: leave out"):
        split(
            JobDirectory(tmp_path / "job"), Request(input=tmp_path / "data.csv", requirements=tmp_path / "packages.txt")
        )


@pytest.mark.usefixtures("index")
def test_packages_of_csvswarm_are_not_reinstalled(tmp_path: Path) -> None:
    (tmp_path / "packages.txt").write_text("pandas\nNumPy\n")
    assert {"numpy", "pandas", "pyarrow", "xxhash"} <= own_versions().keys()

    found = find_packages(tmp_path / "packages.txt")

    assert (found.versions, found.directory) == ({}, "")


def test_package_without_a_wheel_for_boards(index: Path, tmp_path: Path) -> None:
    assert index.is_dir()
    path, image = tmp_path / "packages.txt", tmp_path / "image.txt"
    path.write_text("side-package\n")
    image.write_text("numpy==2.0 \\\n    --hash=sha256:00\n")

    both = lock_for_boards(path, image, "3.13", ["x86_64"], tmp_path / "cache")
    assert "side-package==2.0" in Path(both["locks"]["x86_64"]).read_text()
    with pytest.raises(OptionError) as error:
        lock_for_boards(path, image, "3.13", ["x86_64", "aarch64"], tmp_path / "cache")
    assert "side-package" in str(error.value)
    assert "boards with arm64 and Python 3.13" in str(error.value)
    path.write_text("side-package<2\n")
    locks = lock_for_boards(path, image, "3.13", ["x86_64", "aarch64"], tmp_path / "cache")["locks"]
    assert Path(locks["x86_64"]).read_text() == Path(locks["aarch64"]).read_text()


# -- packages that people use, from the index --------------------------------------------------------------------------


def test_scikit_learn_scipy_and_statsmodels(mine: Path, tmp_path: Path) -> None:
    need_index(tmp_path)
    mine.write_text(SCORES)
    (tmp_path / "packages.txt").write_text(LEARNING)
    arguments = ["--processor", str(mine), f"--requirements={tmp_path}/packages.txt", f"--job={tmp_path}/job"]

    # In separate processes, as a user runs it, without modules that this process has imported.
    for command in (
        ["split_dataframe.py", f"--input={tmp_path}/data.csv", *arguments],
        ["split_processing.py", arguments[-1]],
        ["collect_results.py", f"--output={tmp_path}/out", arguments[-1]],
    ):
        subprocess.run([sys.executable, ROOT / "scripts" / command[0], *command[1:]], check=True)

    assert (tmp_path / "out/result.csv").read_text().splitlines() == [
        "x,z,score,p,s",
        "1,0,3.0,0.841345,2.0",
        "2,0,5.0,0.97725,2.0",
        "5,0,11.0,1.0,2.0",
    ]
