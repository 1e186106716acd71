"""The name of an image says what is in it, and the name of a stack is one that Swarm takes."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.processing_job.plugin_loader import image
from tests.support.jobs import ROOT

ORIGINAL = ("debian:trixie-slim", "3.13")


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    return clone_to(tmp_path / "clone")


def clone_to(root: Path) -> Path:
    for part in ("files/docker", "files/processors", "scripts"):
        shutil.copytree(ROOT / part, root / part, ignore=shutil.ignore_patterns("__pycache__"))
    (root / "requirements").mkdir()
    for lock in ("image", "kernel"):
        shutil.copy(ROOT / f"requirements/{lock}.txt", root / "requirements")
    return root


def name(root: Path, *settings: str) -> str:
    found: str = image.processing_job_image(str(root), *(settings or ORIGINAL))
    return found


def test_two_clones_have_one_name(clone: Path, tmp_path: Path) -> None:
    other = clone_to(tmp_path / "elsewhere" / "of another name")

    assert name(clone) == name(other)
    assert re.fullmatch("csvswarm-job:[0-9a-f]{12}", name(clone))


def test_what_does_not_go_in_does_not_matter(clone: Path) -> None:
    before = name(clone)
    (clone / "README.md").write_text("other words\n")
    (clone / "files/processors/README.md").write_text("other words\n")
    (clone / "scripts/csvswarm/__pycache__").mkdir()
    (clone / "scripts/csvswarm/__pycache__/job.cpython-311.pyc").write_bytes(b"compiled")
    for path in clone.rglob("*"):
        path.chmod(0o755)

    assert name(clone) == before


@pytest.mark.parametrize(
    "path",
    [
        "files/docker/Dockerfile",
        "files/docker/unpack.py",
        "files/processors/statistics.py",
        "requirements/image.txt",
        "requirements/kernel.txt",
        "scripts/csvswarm/native/src/find_fields.c",
        "scripts/csvswarm/native/library.py",
        "scripts/split_processing.py",
        "scripts/csvswarm/job/directory.py",
    ],
)
def test_a_change_has_another_name(clone: Path, path: str) -> None:
    before = name(clone)
    with (clone / path).open("a") as file:
        file.write("\n")

    assert name(clone) != before


def test_another_base_or_python_has_another_name(clone: Path) -> None:
    names = {name(clone, base, python) for base in ("debian:trixie", "python:3.13") for python in ("3.13", "3.12")}

    assert len(names) == 4


def test_a_file_that_moves_has_another_name(clone: Path) -> None:
    before = name(clone)
    (clone / "files/processors/statistics.py").rename(clone / "files/processors/zstatistics.py")

    assert name(clone) != before


# -- the names of stacks -----------------------------------------------------------------------------------------------

#: What the role's preflight takes.
job_ids = st.from_regex("[a-z0-9][a-z0-9._-]{0,62}", fullmatch=True)
rounds = st.integers(0, 99_999)


@given(job=job_ids, number=rounds)
def test_a_stack_has_a_name_that_swarm_takes(job: str, number: int) -> None:
    service = f"{image.processing_job_service(job, number)}_chunks"

    # swarmkit's rule for the name of a service
    assert re.fullmatch(r"[a-zA-Z0-9](?:[-_]*[A-Za-z0-9]+)*", service)
    assert len(service) <= 63


@given(one=job_ids, other=job_ids, numbers=st.tuples(rounds, rounds))
def test_two_rounds_have_two_names(one: str, other: str, numbers: tuple[int, int]) -> None:
    names = {image.processing_job_service(one, numbers[0]), image.processing_job_service(other, numbers[1])}

    assert len(names) == len({(one, numbers[0]), (other, numbers[1])})


@pytest.mark.parametrize("job", ["a.b", "a_b", "a" * 31, "a-", "a.", "20261122-160042-f092c0." + "x" * 40])
def test_no_plain_id_makes_the_name_of_another(job: str) -> None:
    made = image.processing_job_service(job, 1)
    plain = made.removeprefix("csvswarm-").removesuffix("-1")

    assert plain != job
    assert image.processing_job_service(plain, 1) != made


@pytest.mark.parametrize(("one", "other"), [("a.b", "a-b"), ("a.b", "a_b"), ("a-", "a"), ("x" * 40, "x" * 41)])
def test_ids_that_look_alike(one: str, other: str) -> None:
    assert image.processing_job_service(one, 1) != image.processing_job_service(other, 1)


def test_an_id_can_be_recognised() -> None:
    assert image.processing_job_service("demo", 3) == "csvswarm-demo-3"
    assert "flights-of-january" in image.processing_job_service("flights-of-january-in-new-york.again", 1)
