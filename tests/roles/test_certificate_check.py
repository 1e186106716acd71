"""A certificate that expires soon is replaced; one that openssl cannot read is an error, not a reason to replace it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.roles.playing import ROOT

[TASK] = [
    task
    for task in yaml.safe_load((ROOT / "roles/swarm_manager/tasks/lead.yml").read_text())
    if task.get("register") == "__swarm_manager_lasts"
]


def check(certificate: Path) -> str:
    """Return what the role's command prints for a certificate that must last for ten days."""
    argv = [
        str(certificate) if "DockerRootDir" in word else "864000" if "{{" in word else word
        for word in TASK["run_program"]["argv"]
    ]
    return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60).stdout


@pytest.mark.parametrize(("days", "expires"), [(5, True), (20, False)])
def test_certificate_expiry_is_read_with_openssl(tmp_path: Path, days: int, expires: bool) -> None:
    make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=b1", "-days", str(days)]
    files = ["-keyout", str(tmp_path / "key"), "-out", str(tmp_path / "certificate")]
    subprocess.run([*make, *files], check=True, capture_output=True, timeout=60)

    printed = check(tmp_path / "certificate")

    assert re.search("will (not )?expire", printed)
    assert ("will expire" in printed) is expires


def test_unreadable_certificate_fails_the_task(tmp_path: Path) -> None:
    (tmp_path / "broken").write_text("no certificate")

    for file in ("broken", "missing"):
        assert not re.search("will (not )?expire", check(tmp_path / file))
    assert "is not search('will (not )?expire')" in TASK["failed_when"]
