"""The share's folders of root, on real files: created, converted, and attacked by the owner of the jobs."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processing_job.acting import FOLDERS, OWNER, SECRET, STRANGER, Place, acting, share_folder

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root may act as another user")
OLD_ID = "01234567-89ab-cdef-0123-456789abcdef"


@pytest.fixture
def place() -> Iterator[Place]:
    # pytest's own directory is closed to other users.
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        place = Place(Path(directory))
        place.make()
        yield place


@pytest.fixture
def old(place: Place) -> Place:
    """A share as the earlier release created it: nearly everything belongs to the owner of the jobs."""
    share = place.share
    for name in ("images", "inputs", "processors", "jobs/one/receipts", "results/one", "requests", "exchange/you"):
        (share / name).mkdir(parents=True)
    for name in ("images/a.tar.gz", "images/a.tar.gz.layers", "inputs/0123", "processors/4567.py", "jobs/one/done.json",
                 "results/one/result.csv", "requests/one.json", "exchange/.lock", "exchange/you/89ab"):  # fmt: skip
        (share / name).write_text(name)
    (share / ".csvswarm-cluster").write_text(f"{OLD_ID}\n")
    for path in [share, *share.rglob("*")]:
        os.chown(path, OWNER, OWNER)
        path.chmod(0o755 if path.is_dir() else 0o644)
    for name in (".csvswarm-cluster", "requests", "requests/one.json", "exchange", "exchange/.lock"):
        os.chown(share / name, 0, 0)
    (share / ".csvswarm-cluster").chmod(0o444)
    return place


def tree(place: Place) -> dict[str, tuple[int, int, int]]:
    return {
        str(path.relative_to(place.share)): (
            path.lstat().st_uid,
            path.lstat().st_gid,
            stat.S_IMODE(path.lstat().st_mode),
        )
        for path in [place.share, *place.share.rglob("*")]
    }


FRESH = {
    ".": (0, 0, 0o755),
    ".csvswarm-cluster": (0, 0, 0o444),
    "exchange": (0, 0, 0o711),
    "images": (0, 0, 0o755),
    "inputs": (0, OWNER, 0o750),
    "jobs": (0, OWNER, 0o750),
    "processors": (0, OWNER, 0o750),
    "requests": (0, 0, 0o700),
    "results": (0, OWNER, 0o751),
}


def test_new_share_is_created(place: Place) -> None:
    planned = place.configure(check=True)
    assert planned["changed"]
    assert not place.share.exists()

    answer = place.configure()

    assert answer["changed"]
    assert tree(place) == FRESH
    kept = {path.read_text() for path in (place.base / "etc/id", place.share / ".csvswarm-cluster")}
    assert kept == {f"{answer['cluster']}\n"}
    for check in (True, False):
        assert place.configure(check=check) == {"changed": False, "changes": [], "cluster": answer["cluster"]}


def test_share_of_an_earlier_release_is_converted(old: Place) -> None:
    before = tree(old)
    planned = old.configure(check=True)
    assert tree(old) == before
    assert planned["changed"]

    answer = old.configure()

    assert answer["cluster"] == OLD_ID
    assert tree(old) == FRESH | {
        "inputs/0123": (0, OWNER, 0o440),
        "processors/4567.py": (0, OWNER, 0o440),
        "requests/one.json": (0, 0, 0o600),
        "jobs/one": (OWNER, OWNER, 0o700),
        "jobs/one/done.json": (OWNER, OWNER, 0o644),
        "jobs/one/receipts": (OWNER, OWNER, 0o755),
        "results/one": (OWNER, OWNER, 0o700),
        "results/one/result.csv": (OWNER, OWNER, 0o644),
    }
    for check in (True, False):
        assert not old.configure(check=check)["changed"]


@pytest.mark.parametrize("name", [*FOLDERS, ".csvswarm-cluster"])
@pytest.mark.parametrize("trap", ["ln -s {roots} {name}", "ln -s {canary} {name}", "mkfifo {name}", "mkdir {name}",
                                  "mkdir {name}; ln -s {canary} {name}/one; ln -s {roots} {name}/two",
                                  "mkdir {name}; mkfifo {name}/pipe"])  # fmt: skip
def test_symlinks_in_root_folders_are_removed(old: Place, name: str, trap: str) -> None:
    script = f"mv {name} moved-away; {trap.format(name=name, roots=old.canary.parent, canary=old.canary)}"
    assert acting(OWNER, script, cwd=old.share).returncode == 0

    answer = old.configure()

    assert old.untouched()
    assert SECRET.decode() not in str(answer)
    found = tree(old)
    assert FRESH.items() <= found.items()
    assert not [path for path in old.share.rglob("*") if path.is_symlink() or path.is_fifo()]
    assert not old.configure()["changed"]


def test_requests_not_owned_by_root_are_removed(old: Place) -> None:
    forged = "mv requests away; mkdir requests; echo {} >requests/two.json"
    assert acting(OWNER, forged, cwd=old.share).returncode == 0

    old.configure()

    assert not list((old.share / "requests").iterdir())


TRIES = {
    "rename": "mv {name} away",
    "remove": "rm -f {name} || rmdir {name}",
    "a name in it": "echo x >{name}/x",
    "a link in it": "ln -s {canary} {name}/link",
    "open it": "chmod 777 {name}",
    "own it": "chown {owner} {name}",
}


@pytest.mark.parametrize("name", [*FOLDERS, ".csvswarm-cluster", "."])
@pytest.mark.parametrize("attempt", TRIES)
@pytest.mark.parametrize("user", [OWNER, STRANGER])
def test_only_root_changes_names(old: Place, name: str, attempt: str, user: int) -> None:
    old.configure()
    before = tree(old)

    words = TRIES[attempt].format(name=f"{old.share}/{name}", canary=old.canary, owner=user)

    assert acting(user, words, cwd=Path("/")).returncode != 0
    assert tree(old) == before


def test_job_is_accessible_only_to_its_owner(old: Place) -> None:
    old.configure()
    for file in ("inputs/0123", "processors/4567.py", "jobs/one/done.json", "results/one/result.csv"):
        assert acting(OWNER, f"cat {file}", cwd=old.share).stdout.decode() == file
        assert acting(STRANGER, f"cat {file}", cwd=old.share).returncode != 0
    for user in (OWNER, STRANGER):
        assert acting(user, "cat requests/one.json", cwd=old.share).returncode != 0


def test_disk_of_another_share_is_refused(place: Place) -> None:
    place.configure()
    (place.base / "etc/id").write_text(f"{OLD_ID}\n")

    with pytest.raises(share_folder.ShareError, match=f"on this server has {OLD_ID}: is another share's disk"):
        place.configure()


def test_share_id_survives_loss_of_the_server_copy(place: Place) -> None:
    first = place.configure()["cluster"]
    (place.base / "etc/id").unlink()

    assert place.configure()["cluster"] == first
    # An empty folder in place of the share's disk is another share.
    shutil.rmtree(place.share)
    assert place.configure()["cluster"] != first
