"""Root of a worker can do no more on the share than the owner of the jobs, whichever user it claims to be."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.lab.kit.board import Board
from tests.lab.kit.control_node import ROOT, SAMPLE, ControlNode
from tests.lab.kit.job_run import Run
from tests.lab.kit.lab import SHARE, Lab
from tests.lab.kit.polling import wait_until

CANARY = "/etc/csvswarm-canary"
SECRET = f"secret-{uuid.uuid4().hex}"
#: Users that root of a board may claim to be: itself, the owner of the jobs, the user of the ssh connection, and a
#: member of the group that may read passwords.
USERS = {"root": "0 0", "owner": "8765 8765", "sender": "1000 1000", "shadow": "8765 42"}
OF_ROOT = ("exchange", "images", "inputs", "jobs", "processors", "requests", "results", ".csvswarm-cluster")
TRIES = (
    "mv {name} {name}.away",
    "rm -f {name} || rmdir {name}",
    "ln -sfn /etc/shadow {name}",
    "chmod 777 {name}",
    "echo x >{name}",
    "echo x >{name}/x",
    f"ln -sf {CANARY} {{name}}/.lock",
    "ls {name}/.taken",
)
FILES = ("images/*", "inputs/*", "processors/*", "requests/*", "exchange/maker/*", "exchange/.taken/*")
#: Attempts on each file of root whose name is visible.
FILE_TRIES = ("rm -f $file", f"ln -sf {CANARY} $file", "echo x >>$file", "chmod 666 $file", "mv $file $file.away",
              f"ln -sf {CANARY} $file.layers")  # fmt: skip


@pytest.fixture(scope="module")
def worker(reachable_lab: Lab) -> Iterator[Board]:
    """A worker with a malicious root. On every board, a file of root's must stay unchanged."""
    for board in reachable_lab.boards.values():
        board.sh(f"umask 077; echo {SECRET} >{CANARY}")
    yield reachable_lab.workers[0]
    for board in reachable_lab.boards.values():
        board.sh(f"rm -f {CANARY}")


def untouched(lab: Lab) -> bool:
    facts = {board.sh(f"stat --format='%U %G %a %h' {CANARY}; cat {CANARY}") for board in lab.boards.values()}
    return facts == {f"root root 600 1\n{SECRET}\n"}


def listing(lab: Lab) -> str:
    """Return all names that belong to root on the share, with their owners, permissions and times of change."""
    return lab.server.sh(
        f"cd {SHARE}; find . \\( -path './jobs/*' -o -path './results/*' \\) -prune"
        " -o -printf '%p %U %G %m %T@ %s %y\\n' | sort"
    )


def attack(ids: str) -> str:
    """Return a script that tries everything on the share, and prints the outcome."""
    user, group = ids.split()
    tries = [template.format(name=name) for template in TRIES for name in OF_ROOT]
    lines = [f"({words}) 2>/dev/null && echo 'got: {words}'" for words in tries]
    for words in FILE_TRIES:
        # A pattern without a match is not a file.
        attempt = f"[ -e $file ] && ({words}) 2>/dev/null && echo 'got: {words}' $file"
        lines.append(f"for file in {' '.join(FILES)}; do {attempt}; done")
    lines.append("touch from-$(id -u) 2>/dev/null && echo 'got: a file'")
    script = "\n".join([f"cd {SHARE} || exit 1", *lines, "true"])
    return f"setpriv --reuid={user} --regid={group} --clear-groups sh <<'END'\n{script}\nEND\n"


@pytest.mark.parametrize("user", USERS)
def test_names_of_root_do_not_change(worker: Board, reachable_lab: Lab, user: str) -> None:
    before = listing(reachable_lab)

    got = worker.sh(attack(USERS[user]), 300)

    # Reading a file that boards may read does no harm; the attempts include none.
    assert got == ""
    assert listing(reachable_lab) == before
    assert untouched(reachable_lab)


@pytest.mark.parametrize("user", USERS)
def test_requests_act_as_the_owner_of_jobs(worker: Board, reachable_lab: Lab, user: str) -> None:
    folder = f"{SHARE}/jobs/claims-{uuid.uuid4().hex[:8]}"
    reachable_lab.server.sh(f"install --directory --owner=8765 --group=8765 --mode=0700 {folder}")
    try:
        user_id, group = USERS[user].split()
        worker.sh(f"setpriv --reuid={user_id} --regid={group} --clear-groups touch {folder}/mine")

        assert reachable_lab.server.sh(f"stat --format='%u %g' {folder}/mine") == "8765 8765\n"
    finally:
        reachable_lab.server.sh(f"rm -r {folder}")


@contextmanager
def going_on(board: Board, script: str) -> Iterator[None]:
    """Repeat a script on a board, as the owner of the jobs in the share, for as long as the block runs."""
    unit = f"attack-{uuid.uuid4().hex[:8]}"
    board.sh(
        f"cat >/run/{unit} <<'END'\nwhile :; do\n{script}\ndone\nEND\nchmod 0644 /run/{unit}\n"
        f"systemd-run --quiet --collect --unit={unit} --uid=8765 --gid=8765 --working-directory={SHARE}"
        f" --property=RuntimeMaxSec=900 bash /run/{unit}"
    )
    try:
        wait_until("the attack continues", lambda: board.succeeds(f"systemctl is-active {unit}"), 60)
        yield
        # The loop must not have ended earlier.
        assert board.succeeds(f"systemctl is-active {unit}")
    finally:
        board.sh(f"systemctl stop {unit}; rm /run/{unit}")


def fresh(control_node: ControlNode) -> Path:
    """Return an input that is not on the share yet."""
    path = control_node.place / "mine.csv"
    path.write_text(SAMPLE.read_text().replace("N14228", uuid.uuid4().hex[:6]))
    return path


def reveals_nothing(run: Run) -> bool:
    """Whether a run has brought nothing of the canary's text to this machine."""
    places = [run.result, ROOT / ".cache/results" / run.result.name.removeprefix("out-")]
    files = [path for place in places if place.exists() for path in place.rglob("*") if path.is_file()]
    return SECRET not in run.output and not [path for path in files if SECRET.encode() in path.read_bytes()]


OUTSIDE = "\n".join(
    [
        *[f"({words.format(name=name)}) 2>/dev/null" for words in TRIES[:3] for name in OF_ROOT],
        f"for file in {' '.join(FILES)}; do ({'; '.join(FILE_TRIES)}) 2>/dev/null; done",
    ]
)


def test_job_during_attacks_on_files_of_root(worker: Board, reachable_lab: Lab, control_node: ControlNode) -> None:
    variables: dict[str, Any] = {"input": str(fresh(control_node)), "processor": "statistics", "chunks": 3}

    with going_on(worker, OUTSIDE):
        run = control_node.run("swarm", **variables)

    assert run.files == control_node.run("local", **variables).files
    assert untouched(reachable_lab)
    assert reveals_nothing(run)


def inside(job: str) -> str:
    """Return a script that swaps names in the folders of a job, and puts some back."""
    return f"""
for folder in jobs/{job} results/{job}; do
    for path in "$folder"/* "$folder"/.[a-z]*; do
        [ -e "$path" ] || continue
        mv -f "$path" "$path.was" && ln -sfn {CANARY} "$path"
        rm -f "$path" && ln -sfn /etc "$path"
        rm -f "$path" && mv -f "$path.was" "$path"
    done 2>/dev/null
done
"""


def test_job_whose_names_are_swapped(worker: Board, reachable_lab: Lab, control_node: ControlNode) -> None:
    variables: dict[str, Any] = {"input": str(fresh(control_node)), "processor": "statistics", "chunks": 3}
    job = f"swapped-{uuid.uuid4().hex[:8]}"

    with going_on(worker, inside(job)):
        run = control_node.run("swarm", job, **variables)

    assert untouched(reachable_lab)
    assert reveals_nothing(run)
    assert "Traceback" not in run.output
    if run.code == 0:
        assert run.files == control_node.run("local", **variables).files
    else:
        assert run.message
