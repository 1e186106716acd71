"""A share as the server has it, the program that root runs on it, and somebody who acts as the owner of the jobs."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from ansible.module_utils.basic import AnsibleModule  # noqa: F401  # the modules need it: fail here when it is missing

from tests.processing_job.plugin_loader import ROLE, load
from tests.support.jobs import ROOT

OWNER, SENDER, STRANGER = 8765, 4321, 5432
SECRET = b"root's own\n"
share_folder = load(ROOT / "roles/nfs_server/library/share_folder.py")
FOLDERS: dict[str, str] = yaml.safe_load((ROOT / "roles/nfs_server/vars/main.yml").read_text())["__nfs_server_folders"]


def acting(user: int, script: str, *, cwd: Path) -> subprocess.CompletedProcess[bytes]:
    """Run a shell script with the rights of a user alone."""
    words = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "sh", "-c", script]
    return subprocess.run(words, cwd=cwd, check=False, capture_output=True, timeout=120)


@contextmanager
def going_on(script: str, cwd: Path) -> Iterator[None]:
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
        """Make the canary and what is outside of the share."""
        for name in ("roots", "state", "etc"):
            (self.base / name).mkdir()
        (self.base / "roots").chmod(0o755)
        self.canary.write_bytes(SECRET)
        self.canary.chmod(0o600)

    def settle(self, *, check: bool = False) -> dict[str, Any]:
        """Run what site.yml runs."""
        answer: dict[str, Any] = share_folder.settle(self.share, OWNER, FOLDERS, self.base / "etc/id", check=check)
        return answer

    def untouched(self) -> bool:
        """Whether the canary and its folder are as they were made."""
        facts = [(path.stat().st_uid, path.stat().st_gid, path.stat().st_mode & 0o7777)
                 for path in (self.canary, self.canary.parent)]  # fmt: skip
        names = [path.name for path in self.canary.parent.iterdir()]
        return (self.canary.read_bytes(), facts, names) == (SECRET, [(0, 0, 0o600), (0, 0, 0o755)], ["canary"])

    # -- what a job runs -------------------------------------------------------------------------------------------

    def ask(self, action: str, **told: Any) -> subprocess.CompletedProcess[str]:
        """Run the program as a job runs it on the server of the share, for a user who has called sudo."""
        arguments = {
            "share": str(self.share),
            "owner": OWNER,
            "job": "one",
            "built": False,
            "what": "the input",
            "state": str(self.base / "state"),
            "lock": str(self.base / "lock"),
            "input": None,
            "sent": None,
            "images": {},
            **told,
        }
        return subprocess.run(
            [sys.executable, "-", action, json.dumps(arguments)],
            input=(ROLE / "files/share.py").read_text(),
            env={**os.environ, "SUDO_USER": "you", "SUDO_UID": str(SENDER), "SUDO_GID": str(SENDER)},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def open(self) -> subprocess.CompletedProcess[str]:
        """Let the sender read the result of the job "one", as a job does on the server of the share."""
        return subprocess.run(
            ["setpriv", f"--reuid={OWNER}", f"--regid={OWNER}", "--clear-groups",
             "python3", "-", self.share / "results/one"],
            input=(ROLE / "files/share_open.py").read_text(),
            env={"PATH": os.defpath, "SUDO_UID": str(SENDER)},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )  # fmt: skip

    def answer(self, action: str, **told: Any) -> dict[str, Any]:
        """Return the answer of a run that must succeed."""
        done = self.ask(action, **told)
        assert (done.returncode, done.stderr) == (0, "")
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    def refusal(self, action: str, **told: Any) -> str:
        """Return the one line of a run that must fail."""
        done = self.ask(action, **told)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.count("\n") == 1, done.stderr
        return done.stderr.strip()


def checksum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
