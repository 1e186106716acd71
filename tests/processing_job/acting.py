"""A share as on the NFS server, the modules that root runs on it, and a process that acts as the owner of the jobs."""

from __future__ import annotations

import hashlib
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from ansible.module_utils.basic import AnsibleModule  # noqa: F401  # the modules need it: fail here when it is missing

from tests.processing_job.plugin_loader import load, run_module
from tests.support.jobs import ROOT

OWNER, SENDER, STRANGER = 8765, 4321, 5432
SECRET = b"root's own\n"
#: Runs of a module while a race is provoked.
ROUNDS = 20
share_folder = load(ROOT / "roles/nfs_server/library/share_folder.py")
FOLDERS: dict[str, str] = yaml.safe_load((ROOT / "roles/nfs_server/vars/main.yml").read_text())["__nfs_server_folders"]


def acting(user: int, script: str, *, cwd: Path) -> subprocess.CompletedProcess[bytes]:
    """Run a shell script with the rights of a user alone."""
    words = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "sh", "-c", script]
    return subprocess.run(words, cwd=cwd, check=False, capture_output=True, timeout=120)


@contextmanager
def repeating(script: str, cwd: Path) -> Iterator[None]:
    """Repeat a shell script as the owner of the jobs for as long as the block runs."""
    words = ["setpriv", f"--reuid={OWNER}", f"--regid={OWNER}", "--clear-groups", "sh", "-c"]
    loop = subprocess.Popen([*words, f"while :; do {script}\ndone"], cwd=cwd, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        loop.kill()
        loop.wait()


@dataclass(frozen=True)
class Place:
    """A share in a folder that anybody may enter, beside a folder of root's with a file that must stay as it is."""

    base: Path

    @property
    def share(self) -> Path:
        return self.base / "share"

    @property
    def canary(self) -> Path:
        return self.base / "roots/canary"

    def make(self) -> None:
        """Create the canary and the folders outside of the share."""
        for name in ("roots", "state", "etc"):
            (self.base / name).mkdir()
        (self.base / "roots").chmod(0o755)
        self.canary.write_bytes(SECRET)
        self.canary.chmod(0o600)

    def configure(self, *, check: bool = False) -> dict[str, Any]:
        """Configure the share as site.yml does."""
        answer: dict[str, Any] = share_folder.configure(self.share, OWNER, FOLDERS, self.base / "etc/id", check=check)
        return answer

    def untouched(self) -> bool:
        """Whether the canary and its folder are as they were made."""
        facts = [(path.stat().st_uid, path.stat().st_gid, path.stat().st_mode & 0o7777)
                 for path in (self.canary, self.canary.parent)]  # fmt: skip
        names = [path.name for path in self.canary.parent.iterdir()]
        return (self.canary.read_bytes(), facts, names) == (SECRET, [(0, 0, 0o600), (0, 0, 0o755)], ["canary"])

    # -- what a job runs -------------------------------------------------------------------------------------------

    def run(self, module: str, *, check: bool = False, **arguments: Any) -> dict[str, Any]:
        """Run a module as a job runs it on the server of the share, for a user of sudo."""
        given: dict[str, Any] = {
            "share": str(self.share),
            "owner": OWNER,
            "job": "one",
            "state": str(self.base / "state"),
            **arguments,
        }
        if module == "processing_job_receive":
            given = {"what": "the input", "lock": str(self.base / "lock"), **given}
        sender = {"SUDO_USER": "you", "SUDO_UID": str(SENDER), "SUDO_GID": str(SENDER)}
        return run_module(module, given, check=check, environment=sender)

    def open(self) -> dict[str, Any]:
        """Let the sender read the result of the job "one", as a job does on the server of the share."""
        arguments = {"path": str(self.share / "results/one"), "owner": OWNER}
        return run_module("processing_job_open_result", arguments, environment={"SUDO_UID": str(SENDER)})

    def answer(self, module: str, **arguments: Any) -> dict[str, Any]:
        """Return the answer of a run that must succeed, without what Ansible adds."""
        answer = self.run(module, **arguments)
        assert not answer.get("failed"), answer
        return {name: value for name, value in answer.items() if name not in ("changed", "invocation")}

    def check(self, **arguments: Any) -> dict[str, Any]:
        """Return whether a file was taken over, without taking it."""
        return self.answer("processing_job_receive", check=True, **arguments)

    def refusal(self, module: str, **arguments: Any) -> str:
        """Return the one line of a run that must fail."""
        answer = self.run(module, **arguments)
        assert answer.get("failed"), answer
        message = str(answer["msg"])
        assert "\n" not in message
        return message


@contextmanager
def place_of_job() -> Iterator[Place]:
    """A share with the folders of the job "one"; at the end the canary must be untouched."""
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        place = Place(Path(directory))
        place.make()
        place.configure()
        place.answer("processing_job_share")
        yield place
        assert place.untouched()


def checksum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
