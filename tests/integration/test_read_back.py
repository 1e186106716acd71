"""Nothing is removed before the result has been read back under its final name."""

from __future__ import annotations

from pathlib import Path

import pytest
from csvswarm.collect.run import collect
from csvswarm.errors import JobError
from csvswarm.job.directory import JobDirectory
from csvswarm.partials.merged_file import PRIMARY, MergedFile
from csvswarm.process.run import process_all
from csvswarm.split.run import Request, split

DATA = "id,x\n" + "".join(f"{number},{number % 7}\n" for number in range(300)) + "1,2,3\n"


@pytest.fixture
def job(tmp_path: Path, request: pytest.FixtureRequest) -> JobDirectory:
    """A processed job with one quarantined record; the parameter is its processor."""
    source = tmp_path / "data.csv"
    source.write_text(DATA)
    job = JobDirectory(tmp_path / "job")
    split(job, Request(input=source, processor=request.param, chunks=3, workers=1, on_error="quarantine"))
    process_all(job, 1)
    return job


def files(job: JobDirectory) -> dict[str, bytes]:
    return {
        str(path.relative_to(job.directory)): path.read_bytes()
        for path in job.directory.rglob("*")
        if path.is_file() and path.name != "csvswarm.lock"
    }


@pytest.mark.parametrize("job", ["transform", "statistics"], indirect=True)
@pytest.mark.parametrize("name", ["result.csv", "rejected.csv"])
@pytest.mark.parametrize("damage", ["a byte", "cut off", "gone"])
def test_differing_read_back_fails_and_keeps_partials(
    job: JobDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, damage: str
) -> None:
    output = tmp_path / "out"
    before = files(job)
    usual = Path.replace

    def damaged(path: Path, target: Path) -> Path:
        """Rename the file, then simulate a disk that lost its content."""
        result = usual(path, target)
        if target == output / name:
            data = bytearray(target.read_bytes())
            target.unlink()  # a merged file has the same name and stays intact
            data[len(data) // 2] ^= 1
            if damage != "gone":
                target.write_bytes(data if damage == "a byte" else data[:-1])
        return result

    monkeypatch.setattr(Path, "replace", damaged)
    with pytest.raises(JobError, match=f"{name} differs from what was written to it"):
        collect(job, output)
    monkeypatch.undo()

    assert files(job) == before
    assert not (output / "_SUCCESS").exists()
    assert collect(job, output).rejected == 1
    assert {path.name for path in output.iterdir()} == {"result.csv", "rejected.csv", "job.json", "_SUCCESS"}


@pytest.mark.parametrize("job", ["transform"], indirect=True)
def test_merged_file_with_a_differing_read_back_is_not_used(job: JobDirectory, tmp_path: Path) -> None:
    merged = MergedFile(job.directory, PRIMARY)
    data = bytearray(merged.data.read_bytes())
    data[0] ^= 1  # damage the header: its partials are intact and become the result
    merged.data.write_bytes(data)

    collected = collect(job, tmp_path / "out")

    assert Path(collected.result).read_text() == DATA.removesuffix("1,2,3\n")
    assert Path(collected.result).stat().st_nlink == 1
