"""Root's work on the share for a job, on real files, while another process acts as the owner of the jobs."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.processing_job.acting import (
    OWNER,
    ROUNDS,
    SECRET,
    SENDER,
    STRANGER,
    Place,
    acting,
    checksum,
    place_of_job,
    repeating,
)

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root may act as another user")
CONTENT = b"a,b\n1,2\n" * 1000
SUM = checksum(CONTENT)
SHARE, RECEIVE = "processing_job_share", "processing_job_receive"
INPUT = {"staging_name": SUM, "target": f"inputs/{SUM}", "sha256": SUM}
NAME = "csvswarm-job-0123-amd64.tar.gz"
IMAGE: dict[str, Any] = {"what": "the image", "staging_name": f".{NAME}", "target": f"images/{NAME}", "sha256": SUM,
         "size": len(CONTENT), "layers": "[] amd64", "id": "sha256:4567", "built": True}  # fmt: skip
RECORD = {"sha256": SUM, "layers": "[] amd64", "id": "sha256:4567"}


@pytest.fixture
def place() -> Iterator[Place]:
    """A share with the folders of the job "one"."""
    with place_of_job() as place:
        yield place


def facts(path: Path) -> tuple[int, int, int, int]:
    found = path.lstat()
    return found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode), found.st_nlink


def send(place: Place, content: bytes = CONTENT, name: str = SUM) -> Path:
    """Put a file where rsync puts it."""
    path = place.share / "exchange/you" / name
    path.write_bytes(content)
    os.chown(path, SENDER, SENDER)
    return path


def build(place: Place, content: bytes = CONTENT) -> Path:
    """Put an image where a board puts it."""
    path = place.share / "jobs/one" / f".{NAME}"
    path.write_bytes(content)
    os.chown(path, OWNER, OWNER)
    return path


# -- folders -----------------------------------------------------------------------------------------------------------


def test_job_folders_are_created(place: Place) -> None:
    assert facts(place.share / "jobs/one")[:3] == (OWNER, OWNER, 0o700)
    assert facts(place.share / "results/one")[:3] == (OWNER, OWNER, 0o700)
    assert facts(place.share / "exchange/you")[:3] == (SENDER, SENDER, 0o700)

    params = {"job": "two", "digests": [SUM], "files": ["4" * 64], "images": {"amd64": NAME}}
    new = place.answer(SHARE, **params)
    second = place.answer(SHARE, **params)

    exchange = f"{place.share}/exchange/you"
    assert new == {
        "exchange": exchange,
        "resumed": False,
        "present": [],
        "files_present": [],
        "inputs": [],
        "missing": "",
        "images": {},
        "status": {},
    }
    assert second == new | {"resumed": True}


def test_share_of_an_earlier_release_is_refused(place: Place) -> None:
    os.chown(place.share, OWNER, OWNER)

    for module, arguments in ((SHARE, {}), (RECEIVE, INPUT)):
        refusal = place.refusal(module, **arguments)
        assert refusal == f"{place.share} does not belong to root alone, as an earlier release left it: run site.yml"


@pytest.mark.parametrize("name", ["jobs", "results", "inputs", "images", "processors", "requests", "exchange"])
def test_folder_not_owned_by_root_is_refused(place: Place, name: str) -> None:
    place.share.joinpath(name).rename(place.base / "away")
    (place.share / name).symlink_to(place.canary.parent)

    assert place.refusal(SHARE, job="two").endswith(": run site.yml")


@pytest.mark.parametrize("folder", ["jobs", "results"])
@pytest.mark.parametrize("trap", ["link", "file", "another user's"])
def test_invalid_job_folder_is_refused(place: Place, folder: str, trap: str) -> None:
    path = place.share / folder / "two"
    if trap == "link":
        path.symlink_to(place.canary.parent)
    elif trap == "file":
        path.write_text("")
    else:
        path.mkdir()
        os.chown(path, STRANGER, STRANGER)

    assert place.refusal(SHARE, job="two").startswith("the folder two on the share ")


def test_input_on_the_share_is_accepted(place: Place) -> None:
    folder = place.share / "sets"
    folder.mkdir()
    (folder / "data.csv").write_bytes(CONTENT)
    found = [{"path": f"{folder}/data.csv", "bytes": len(CONTENT)}]
    assert place.answer(SHARE, inputs=[f"{folder}/data.csv"])["inputs"] == found
    assert place.answer(SHARE, inputs=[str(folder)])["inputs"] == found
    assert place.answer(SHARE, inputs=[f"{folder}/*.csv"])["inputs"] == found
    missing = place.answer(SHARE, inputs=[f"{folder}/nothing.csv"])
    assert (missing["inputs"], missing["missing"]) == ([], f"{folder}/nothing.csv does not exist.")
    assert "matches no file" in place.answer(SHARE, inputs=[f"{folder}/*.tsv"])["missing"]

    (folder / "data.csv").chmod(0o600)

    refusal = place.refusal(SHARE, inputs=[f"{folder}/data.csv"])
    assert refusal == (f"input: user id {OWNER} may not read {folder}/data.csv: jobs run as that user, so give it the "
                       "file")  # fmt: skip


# -- takeover ----------------------------------------------------------------------------------------------------------


def test_uploaded_file_is_taken_over(place: Place) -> None:
    path = send(place)
    assert place.check(**INPUT) == {"present": False, "record": {}}

    for _ in range(2):
        assert place.answer(RECEIVE, **INPUT) == {"present": True, "record": {}}

    taken = place.share / "inputs" / SUM
    assert taken.read_bytes() == CONTENT
    assert facts(taken) == (0, OWNER, 0o440, 1)
    assert not path.exists()
    assert facts(place.share / "exchange/.taken")[:3] == (0, 0, 0o700)
    assert not list((place.share / "exchange/.taken").iterdir())
    assert acting(OWNER, f"cat {taken}", cwd=place.share).stdout == CONTENT
    assert acting(STRANGER, f"cat {taken}", cwd=place.share).returncode
    assert place.check(**INPUT)["present"]
    assert place.answer(SHARE, digests=[SUM, "0" * 64])["present"] == [SUM]
    assert place.answer(SHARE, files=["4" * 64, SUM])["files_present"] == [SUM]


def test_file_taken_over_by_another_run_is_kept(place: Place) -> None:
    send(place)
    place.answer(RECEIVE, **INPUT)
    before = (place.share / "inputs" / SUM).stat()
    path = send(place)

    place.answer(RECEIVE, **INPUT)

    assert (place.share / "inputs" / SUM).stat().st_ino == before.st_ino
    assert not path.exists()


ARRIVALS = {
    "nothing": ("true", "has not arrived on the share"),
    "other bytes": ("echo x >{path}", "was damaged on its way to the share"),
    "link": ("ln -s {canary} {path}", "did not arrive as a regular file of its own"),
    "hard link": ("echo x >{path}; ln {path} {path}.2", "did not arrive as a regular file of its own"),
    "pipe": ("mkfifo {path}", "did not arrive as a regular file of its own"),
    "folder": ("mkdir {path}", "did not arrive as a regular file of its own"),
}


@pytest.mark.parametrize("arrival", ARRIVALS)
def test_wrong_upload_is_rejected(place: Place, arrival: str) -> None:
    script, message = ARRIVALS[arrival]
    path = place.share / "exchange/you" / SUM
    assert not acting(SENDER, script.format(path=path, canary=place.canary), cwd=place.share).returncode

    refusal = place.refusal(RECEIVE, **INPUT)

    assert refusal == f"the input {message}: rerun the same command" if arrival == "nothing" else message in refusal
    assert not list((place.share / "inputs").iterdir())
    assert not list((place.share / "exchange/.taken").iterdir())
    # Leftovers do not block the next attempt.
    send(place)
    place.answer(RECEIVE, **INPUT)


def test_image_built_on_a_board_is_taken_over(place: Place) -> None:
    build(place)

    assert place.answer(RECEIVE, **IMAGE) == {"present": True, "record": RECORD}

    archive = place.share / "images" / NAME
    assert archive.read_bytes() == CONTENT
    assert facts(archive) == (0, 0, 0o444, 1)
    assert not (place.share / "jobs/one" / f".{NAME}").exists()
    assert json.loads((place.base / f"state/images/{NAME}.json").read_text()) == RECORD
    assert acting(STRANGER, "ls state/images", cwd=place.base).returncode
    assert place.answer(SHARE, images={"amd64": NAME})["images"] == {"amd64": RECORD}


def test_unrecorded_archive_is_replaced(place: Place) -> None:
    """One of an earlier release, or of another server."""
    (place.share / "images" / NAME).write_text("of another time")
    assert place.answer(SHARE, images={"amd64": NAME})["images"] == {}
    assert not place.check(**IMAGE)["present"]
    build(place)

    assert place.answer(RECEIVE, **IMAGE)["present"]

    assert (place.share / "images" / NAME).read_bytes() == CONTENT


BUILT = {
    "nothing": ("true", "has not arrived"),
    "other bytes": ("head --bytes={size} /dev/zero >{path}", "was damaged on its way"),
    # The server's disk would fill.
    "more than was built": ("truncate --size=1T {path}", "was damaged on its way"),
    "link": ("ln -s {canary} {path}", "cannot be read where it was built: Too many levels of symbolic links"),
    "pipe": ("mkfifo {path}", "is not a regular file where it was built"),
    "folder": ("mkdir {path}", "is not a regular file where it was built"),
    "closed": ("echo x >{path}; chmod 000 {path}", "cannot be read where it was built: Permission denied"),
}


@pytest.mark.parametrize("arrival", BUILT)
def test_wrong_image_is_rejected(place: Place, arrival: str) -> None:
    script, message = BUILT[arrival]
    words = script.format(path=place.share / "jobs/one" / f".{NAME}", canary=place.canary, size=len(CONTENT))
    assert not acting(OWNER, words, cwd=place.share).returncode

    assert message in place.refusal(RECEIVE, **IMAGE)

    for folder in ("images", "exchange/.taken"):
        assert not list((place.share / folder).iterdir())
    assert not list((place.base / "state").rglob("*.json"))


def test_takeover_of_a_built_image_is_safe_against_races(place: Place) -> None:
    """The name constantly changes between the image, other bytes, and links to files of root."""
    good = place.share / "jobs/one/good"
    good.write_bytes(CONTENT)
    os.chown(good, OWNER, OWNER)
    swaps = [
        f"ln -sf {place.canary} .{NAME}",
        f"rm -f .{NAME}; cp good .{NAME}",
        f"ln -f good .{NAME}",
        f"echo x >new; mv -f new .{NAME}",
        f"ln -sfn {place.canary.parent} .{NAME}",
        f"rm -f .{NAME}; mkfifo .{NAME}; rm -f .{NAME}",
    ]

    with repeating("; ".join(swaps), place.share / "jobs/one"):
        for _ in range(ROUNDS):
            done = place.run(RECEIVE, **IMAGE)
            archive = place.share / "images" / NAME
            if not done.get("failed"):
                assert archive.read_bytes() == CONTENT
                assert facts(archive) == (0, 0, 0o444, 1)
                archive.unlink()
            else:
                assert "\n" not in done["msg"], done
                assert not archive.exists()
            assert SECRET.decode().strip() not in str(done)
            assert place.untouched()


def test_leftover_image_is_removed_from_the_job(place: Place) -> None:
    archive = build(place)

    assert place.answer(SHARE)["resumed"]

    assert not archive.exists()
