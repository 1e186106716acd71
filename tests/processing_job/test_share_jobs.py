"""What root does on the share for a job, on real files, while somebody acts as the owner of the jobs."""

from __future__ import annotations

import json
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.processing_job.acting import OWNER, SECRET, SENDER, STRANGER, Place, acting, checksum, going_on

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root may act as another user")
CONTENT = b"a,b\n1,2\n" * 1000
SUM = checksum(CONTENT)
SHARE, RECEIVE = "processing_job_share", "processing_job_receive"
INPUT = {"staging_name": SUM, "target": f"inputs/{SUM}", "sha256": SUM}
NAME = "csvswarm-job-0123-amd64.tar.gz"
IMAGE: dict[str, Any] = {"what": "the image", "staging_name": f".{NAME}", "target": f"images/{NAME}", "sha256": SUM,
         "size": len(CONTENT), "layers": "[] amd64", "id": "sha256:4567", "built": True}  # fmt: skip
RECORD = {"sha256": SUM, "layers": "[] amd64", "id": "sha256:4567"}
#: How many takeovers a race is run against.
ROUNDS = 20


@pytest.fixture
def place() -> Iterator[Place]:
    """A share with the places of the job "one"."""
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        place = Place(Path(directory))
        place.make()
        place.settle()
        place.answer(SHARE)
        yield place
        assert place.untouched()


def facts(path: Path) -> tuple[int, int, int, int]:
    found = path.lstat()
    return found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode), found.st_nlink


def send(place: Place, content: bytes = CONTENT, name: str = SUM) -> Path:
    """Leave a file where rsync leaves it."""
    path = place.share / "exchange/you" / name
    path.write_bytes(content)
    os.chown(path, SENDER, SENDER)
    return path


def build(place: Place, content: bytes = CONTENT) -> Path:
    """Leave an image where a board leaves it."""
    path = place.share / "jobs/one" / f".{NAME}"
    path.write_bytes(content)
    os.chown(path, OWNER, OWNER)
    return path


# -- places ------------------------------------------------------------------------------------------------------------


def test_the_places_of_a_job(place: Place) -> None:
    assert facts(place.share / "jobs/one")[:3] == (OWNER, OWNER, 0o700)
    assert facts(place.share / "results/one")[:3] == (OWNER, OWNER, 0o700)
    assert facts(place.share / "exchange/you")[:3] == (SENDER, SENDER, 0o700)

    new = place.answer(SHARE, job="two", digests=[SUM], images={"amd64": NAME})
    again = place.answer(SHARE, job="two", digests=[SUM], images={"amd64": NAME})

    exchange = f"{place.share}/exchange/you"
    assert new == {
        "exchange": exchange,
        "resumed": False,
        "present": [],
        "files": [],
        "missing": "",
        "images": {},
        "status": {},
    }
    assert again == new | {"resumed": True}


def test_a_share_of_an_earlier_release_is_refused(place: Place) -> None:
    os.chown(place.share, OWNER, OWNER)

    for module, asked in ((SHARE, {}), (RECEIVE, INPUT)):
        refusal = place.refusal(module, **asked)
        assert refusal == f"{place.share} does not belong to root alone, as an earlier release left it: run site.yml"


@pytest.mark.parametrize("name", ["jobs", "results", "inputs", "images", "processors", "requests", "exchange"])
def test_a_folder_that_is_not_roots_is_refused(place: Place, name: str) -> None:
    place.share.joinpath(name).rename(place.base / "away")
    (place.share / name).symlink_to(place.canary.parent)

    assert place.refusal(SHARE, job="two").endswith(": run site.yml")


@pytest.mark.parametrize("folder", ["jobs", "results"])
@pytest.mark.parametrize("trap", ["link", "file", "another user's"])
def test_a_place_of_a_job_that_is_none(place: Place, folder: str, trap: str) -> None:
    path = place.share / folder / "two"
    if trap == "link":
        path.symlink_to(place.canary.parent)
    elif trap == "file":
        path.write_text("")
    else:
        path.mkdir()
        os.chown(path, STRANGER, STRANGER)

    assert place.refusal(SHARE, job="two").startswith("the folder two on the share ")


def test_an_input_that_is_on_the_share(place: Place) -> None:
    folder = place.share / "sets"
    folder.mkdir()
    (folder / "data.csv").write_bytes(CONTENT)
    found = [{"path": f"{folder}/data.csv", "bytes": len(CONTENT)}]
    assert place.answer(SHARE, inputs=[f"{folder}/data.csv"])["files"] == found
    assert place.answer(SHARE, inputs=[str(folder)])["files"] == found
    assert place.answer(SHARE, inputs=[f"{folder}/*.csv"])["files"] == found
    missing = place.answer(SHARE, inputs=[f"{folder}/nothing.csv"])
    assert (missing["files"], missing["missing"]) == ([], f"there is no file {folder}/nothing.csv.")
    assert "matches no file" in place.answer(SHARE, inputs=[f"{folder}/*.tsv"])["missing"]

    (folder / "data.csv").chmod(0o600)

    refusal = place.refusal(SHARE, inputs=[f"{folder}/data.csv"])
    assert refusal == (f"input: user id {OWNER} may not read {folder}/data.csv: jobs run as that user, so give it the "
                       "file")  # fmt: skip


# -- take --------------------------------------------------------------------------------------------------------------


def test_a_file_that_was_sent(place: Place) -> None:
    path = send(place)
    assert place.look(**INPUT) == {"present": False, "record": {}}

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
    assert place.look(**INPUT)["present"]
    assert place.answer(SHARE, digests=[SUM, "0" * 64])["present"] == [SUM]


def test_what_another_run_has_brought_stays(place: Place) -> None:
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
def test_what_is_not_the_file_that_was_sent(place: Place, arrival: str) -> None:
    script, told = ARRIVALS[arrival]
    path = place.share / "exchange/you" / SUM
    assert not acting(SENDER, script.format(path=path, canary=place.canary), cwd=place.share).returncode

    refusal = place.refusal(RECEIVE, **INPUT)

    assert refusal == f"the input {told}: rerun the same command" if arrival == "nothing" else told in refusal
    assert not list((place.share / "inputs").iterdir())
    assert not list((place.share / "exchange/.taken").iterdir())
    # Nothing of it is in the way of the next try.
    send(place)
    place.answer(RECEIVE, **INPUT)


def test_an_image_that_a_board_has_built(place: Place) -> None:
    build(place)

    assert place.answer(RECEIVE, **IMAGE) == {"present": True, "record": RECORD}

    archive = place.share / "images" / NAME
    assert archive.read_bytes() == CONTENT
    assert facts(archive) == (0, 0, 0o444, 1)
    assert not (place.share / "jobs/one" / f".{NAME}").exists()
    assert json.loads((place.base / f"state/images/{NAME}.json").read_text()) == RECORD
    assert acting(STRANGER, "ls state/images", cwd=place.base).returncode
    assert place.answer(SHARE, images={"amd64": NAME})["images"] == {"amd64": RECORD}


def test_an_archive_that_nobody_knows_is_replaced(place: Place) -> None:
    """One of an earlier release, or of another server."""
    (place.share / "images" / NAME).write_text("of another time")
    assert place.answer(SHARE, images={"amd64": NAME})["images"] == {}
    assert not place.look(**IMAGE)["present"]
    build(place)

    assert place.answer(RECEIVE, **IMAGE)["present"]

    assert (place.share / "images" / NAME).read_bytes() == CONTENT


BUILT = {
    "nothing": ("true", "has not arrived"),
    "other bytes": ("head --bytes={size} /dev/zero >{path}", "was damaged on its way"),
    # The server's disk would fill.
    "more than was built": ("truncate --size=1T {path}", "was damaged on its way"),
    "link": ("ln -s {canary} {path}", "cannot be read where it was built: Too many levels of symbolic links"),
    "pipe": ("mkfifo {path}", "is no regular file where it was built"),
    "folder": ("mkdir {path}", "is no regular file where it was built"),
    "closed": ("echo x >{path}; chmod 000 {path}", "cannot be read where it was built: Permission denied"),
}


@pytest.mark.parametrize("arrival", BUILT)
def test_what_is_not_the_image_that_was_built(place: Place, arrival: str) -> None:
    script, told = BUILT[arrival]
    words = script.format(path=place.share / "jobs/one" / f".{NAME}", canary=place.canary, size=len(CONTENT))
    assert not acting(OWNER, words, cwd=place.share).returncode

    assert told in place.refusal(RECEIVE, **IMAGE)

    for folder in ("images", "exchange/.taken"):
        assert not list((place.share / folder).iterdir())
    assert not list((place.base / "state").rglob("*.json"))


def test_a_race_for_the_image_that_a_board_has_built(place: Place) -> None:
    """The name changes all the time between the image, other bytes, and links to what is root's alone."""
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

    with going_on("; ".join(swaps), place.share / "jobs/one"):
        for _ in range(ROUNDS):
            done = place.ask(RECEIVE, **IMAGE)
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


# -- open --------------------------------------------------------------------------------------------------------------


def result(place: Place) -> Path:
    folder = place.share / "results/one"
    script = f"umask 077; cd {folder}; echo a >result.csv; mkdir parts; echo b >parts/b; ln -s {place.canary} link"
    assert not acting(OWNER, f"{script}; mkfifo pipe", cwd=place.share).returncode
    return folder


def test_a_result_is_open_to_who_fetches_it_and_to_nobody_else(place: Place) -> None:
    folder = result(place)
    assert acting(SENDER, "cat result.csv", cwd=folder).returncode

    assert place.open()["user"] == SENDER

    script = f"cat {folder}/result.csv {folder}/parts/b; ls {folder}"
    assert acting(SENDER, script, cwd=place.share).stdout == b"a\nb\nlink\nparts\npipe\nresult.csv\n"
    assert acting(SENDER, f"echo x >{folder}/result.csv", cwd=place.share).returncode
    for file in (folder / "result.csv", folder / "parts/b"):
        assert acting(STRANGER, f"cat {file}", cwd=place.share).returncode
    # And closed when the job runs once more.
    place.answer(SHARE)
    assert acting(SENDER, f"cat {folder}/result.csv", cwd=place.share).returncode


def test_site_yml_leaves_an_opened_result_open(place: Place) -> None:
    folder = result(place)
    place.open()

    assert place.settle(check=True)["changes"] == []
    assert place.settle()["changes"] == []
    assert acting(SENDER, f"cat {folder}/result.csv", cwd=place.share).stdout == b"a\n"


def test_an_image_that_nobody_took_over_is_no_file_of_the_job(place: Place) -> None:
    archive = build(place)

    assert place.answer(SHARE)["resumed"]

    assert not archive.exists()


def test_a_race_while_a_result_is_opened(place: Place) -> None:
    folder = result(place)
    swaps = f"ln -sfn {place.canary.parent} parts; rm -f parts; mkdir -p parts; echo b >parts/b; rm -rf parts"
    swaps += f"; ln -sf {place.canary} result.csv; rm -f result.csv; echo a >result.csv"

    with going_on(swaps, folder):
        for _ in range(ROUNDS):
            done = place.open()
            assert not done.get("failed") or "\n" not in done["msg"], done
            assert place.untouched()
            assert acting(SENDER, f"cat {place.canary}", cwd=place.share).returncode
