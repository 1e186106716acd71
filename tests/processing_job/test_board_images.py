"""The name of an image identifies its content, and Swarm accepts the name of a stack."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

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


def test_image_name_is_equal_in_two_clones(clone: Path, tmp_path: Path) -> None:
    other = clone_to(tmp_path / "elsewhere" / "of another name")

    assert name(clone) == name(other)
    assert re.fullmatch("csvswarm-job:[0-9a-f]{12}", name(clone))


def test_files_outside_the_image_do_not_change_its_name(clone: Path) -> None:
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
def test_changed_content_changes_the_image_name(clone: Path, path: str) -> None:
    before = name(clone)
    with (clone / path).open("a") as file:
        file.write("\n")

    assert name(clone) != before


def test_another_base_or_python_changes_the_image_name(clone: Path) -> None:
    names = {name(clone, base, python) for base in ("debian:trixie", "python:3.13") for python in ("3.13", "3.12")}

    assert len(names) == 4


def test_moved_file_changes_the_image_name(clone: Path) -> None:
    before = name(clone)
    (clone / "files/processors/statistics.py").rename(clone / "files/processors/zstatistics.py")

    assert name(clone) != before


# -- which boards have it ----------------------------------------------------------------------------------------------

ID, OTHER = f"sha256:{'a' * 64}", f"sha256:{'b' * 64}"
RECORDS = {"amd64": {"sha256": "0123", "layers": "[] amd64", "id": ID}}
BOTH = RECORDS | {"arm64": {"sha256": "4567", "layers": "[] arm64", "id": OTHER}}


def board(number: int, verified: str = ID, architecture: str = "amd64") -> dict[str, Any]:
    return {"id": f"n{number}", "name": f"board{number}", "architecture": architecture, "image": verified}


def swarm(*images: str) -> dict[str, Any]:
    return {"node_id": "n1", "images": [*images]}


@pytest.mark.parametrize(
    ("boards", "images", "check_all", "expected"),
    [
        ([board(1), board(2)], [ID], False, []),
        # An engine with containerd's image store is never recorded, and with one, services run by a tag.
        ([board(1), board(2, OTHER)], [ID], False, ["board1", "board2"]),
        ([board(1), board(2, "")], [ID, OTHER], False, ["board1", "board2"]),
        # The queried manager has lost its verified image.
        ([board(1), board(2)], [OTHER], False, ["board1"]),
        ([board(1), board(2)], [ID], True, ["board1", "board2"]),
        # A service runs by a tag then too, which any board may give to another image.
        ([board(1), board(2, OTHER, "arm64")], [ID], False, ["board1", "board2"]),
    ],
)
def test_boards_to_load_the_image(
    boards: list[dict[str, Any]], images: list[str], check_all: bool, expected: list[str]
) -> None:
    assert image.processing_job_boards_to_load(boards, BOTH, swarm(*images), check_all) == expected


def test_boards_whose_image_is_not_recorded_load_it() -> None:
    assert image.processing_job_boards_to_load([board(1)], {}, swarm(ID), check_all=False) == ["board1"]


LOADED = {"changed": True, "node": "n1", "id": ID}


@pytest.mark.parametrize(
    ("records", "loads", "expected"),
    [
        (RECORDS, {"board1": {}, "board2": {}}, ID),
        (RECORDS, {"board1": LOADED, "board2": {}}, ID),
        # An engine with containerd's image store.
        (RECORDS, {"board1": LOADED, "board2": LOADED | {"id": OTHER}}, "csvswarm-job:1"),
        (BOTH, {"board1": {}}, "csvswarm-job:1"),
    ],
)
def test_services_run_the_image_by_id(records: dict[str, Any], loads: dict[str, Any], expected: str) -> None:
    assert image.processing_job_service_image(records, "csvswarm-job:1", loads) == expected


def test_boards_without_the_image_are_listed_with_their_errors() -> None:
    loads = {"one": LOADED, "two": {"failed": False, "msg": "first\nthere is no x: is the share mounted?"}, "three": {}}
    lacking = image.processing_job_nodes_without_image([board(1), board(2), board(3)], loads)

    assert lacking == ["board2", "board3"]
    assert image.processing_job_lacking("csvswarm-job:1", lacking, loads) == (
        "board2, board3: the image csvswarm-job:1 is missing, or is another one. two reports: there is no x: is the "
        "share mounted? A board of the swarm that is not in the inventory cannot take part: add it, or drain it."
    )


def test_a_board_is_remembered_only_with_the_right_image() -> None:
    loads = {"one": LOADED, "two": LOADED | {"node": "n2", "id": OTHER}, "three": {"msg": "no"}, "four": {}}

    assert image.processing_job_node_labels(loads, RECORDS) == {"n1": {"csvswarm.image": ID}}


def test_the_first_board_of_an_architecture_builds() -> None:
    hosts = [
        {"inventory_hostname": name, "inventory_hostname_short": name.partition(".")[0], **more}
        for name, more in (("pi.local", {}), ("two", {"board_hostname": "board2"}), ("board3", {}))
    ]
    boards = [board(2), board(3), board(4, architecture="arm64")]

    assert image.processing_job_builder(hosts, boards, "amd64") == "two"
    assert image.processing_job_builder(hosts, boards, "arm64") == ""


def test_reason_for_a_failed_image_build() -> None:
    pip = "pip says much\nThe packages of the image could not be fetched: does this machine reach its index?"

    assert image.processing_job_not_built(pip, "amd64", "board1", "debian:13") == pip
    assert image.processing_job_not_built("much\nno such host\n", "amd64", "board1", "debian:13").startswith(
        "The image for boards with amd64 could not be built on board1: no such host. It is based on debian:13: if "
    )


# -- the names of stacks -----------------------------------------------------------------------------------------------

#: What the role's preflight takes.
job_ids = st.from_regex("[a-z0-9][a-z0-9._-]{0,62}", fullmatch=True)


@given(job=job_ids)
def test_stack_name_is_valid_for_swarm(job: str) -> None:
    # The longest that the driver makes of it.
    service = f"{image.processing_job_stack_name(job)}_chunks-99999"

    # swarmkit's rule for the name of a service
    assert re.fullmatch(r"[a-zA-Z0-9](?:[-_]*[A-Za-z0-9]+)*", service)
    assert len(service) <= 63


@given(one=job_ids, other=job_ids)
def test_two_jobs_have_two_names(one: str, other: str) -> None:
    names = {image.processing_job_stack_name(one), image.processing_job_stack_name(other)}

    assert len(names) == len({one, other})


@pytest.mark.parametrize("job", ["a.b", "a_b", "a" * 31, "a-", "a.", "20261122-160042-f092c0." + "x" * 40])
def test_stack_names_of_different_jobs_differ(job: str) -> None:
    made = image.processing_job_stack_name(job)
    plain = made.removeprefix("csvswarm-")

    assert plain != job
    assert image.processing_job_stack_name(plain) != made


@pytest.mark.parametrize(("one", "other"), [("a.b", "a-b"), ("a.b", "a_b"), ("a-", "a"), ("x" * 40, "x" * 41)])
def test_similar_ids_have_different_stack_names(one: str, other: str) -> None:
    assert image.processing_job_stack_name(one) != image.processing_job_stack_name(other)


def test_image_id_is_recognised() -> None:
    assert image.processing_job_stack_name("demo") == "csvswarm-demo"
    assert "flights-of-january" in image.processing_job_stack_name("flights-of-january-in-new-york.2")
