"""The page of boards: heat, throttling and the last jobs, rendered by Ansible; nothing a board reports is markup."""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.report.html_page import EVIL, Page
from tests.report.records import attempt, record
from tests.roles.conftest import ROLES, load
from tests.roles.test_status_filters import GROUPS, cluster

history = load("board", "status_history")
#: Ansible would expand the rest in variables that a test gives it; what a board answers is data.
MARKUP = EVIL.partition("{{")[0]
MORE = {
    "hostname": "board2", "model": MARKUP, "machine": "aarch64", "cores": 4, "temperature": 81.3, "throttled": 0x50005,
    "disk_mb": 30000, "share_mb": 60000,
}  # fmt: skip


@pytest.fixture(scope="module")
def script() -> dict[str, Any]:
    """The names of the script that runs on boards."""
    return runpy.run_path(str(ROLES / "board/files/board_status.py"))


def test_hottest_sensor_counts(script: dict[str, Any], tmp_path: Path) -> None:
    for number, text in enumerate(("41000", "63500\n", "-274000", "no number", "")):
        (tmp_path / f"thermal_zone{number}").mkdir()
        (tmp_path / f"thermal_zone{number}/temp").write_text(text)

    assert script["temperature"](tmp_path) == 63.5
    assert script["temperature"](tmp_path / "none") is None


def test_throttling_of_a_raspberry_pi(
    script: dict[str, Any], status: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the kernel's file, else by vcgencmd, which is in the video group's path of older systems."""
    (tmp_path / "get_throttled").write_text("50005\n")
    assert script["throttled"]((tmp_path / "get_throttled",)) == 0x50005

    program = tmp_path / "vcgencmd"
    program.write_text("#!/bin/sh\necho throttled=0x50000\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert script["throttled"]((tmp_path / "none",)) == 0x50000
    program.unlink()
    assert script["throttled"]((tmp_path / "none",)) is None

    assert status.throttling(0x50005) == [
        "undervoltage now", "throttling now", "undervoltage since it was booted", "throttling since it was booted",
    ]  # fmt: skip
    assert status.throttling(0) == status.throttling(None) == []


def test_throttled_board_is_reported(status: ModuleType) -> None:
    assert status.status_problems(cluster(b2={"throttled": 0x50000}), GROUPS) == []
    assert status.status_problems(cluster(b2={"throttled": 0x50001}), GROUPS) == [
        "b2 is throttled by its power supply or heat (undervoltage now): check supply, cable and cooling"
    ]


def write(directory: Path, job: str, at: float, attempts: list[dict[str, Any]], **more: Any) -> None:
    (directory / job).mkdir(parents=True)
    path = directory / job / "job.json"
    path.write_text(json.dumps(record(attempts, job_id=job, **more)))
    os.utime(path, (at, at))


def test_history_of_boards(tmp_path: Path) -> None:
    on_board = {"launched": 1_780_000_009.0}
    write(tmp_path / "results", "new", 3, [
        attempt(1, "board1", took=2.0, **on_board), attempt(2, "board2", took=4.0, peak_bytes=180, **on_board),
        attempt(2, "board1", status="lost", counts=False, bytes_in=0, **on_board),
    ])  # fmt: skip
    write(tmp_path / "jobs", "old", 1, [attempt(1, "board1", took=1.0, **on_board)], status="failed")
    write(tmp_path / "results", "here", 2, [attempt(1, "laptop")])
    write(tmp_path / "results", "foreign", 2, [attempt(1, "board1", **on_board)], format=2)
    (tmp_path / "results/damaged").mkdir()
    (tmp_path / "results/damaged/job.json").write_text("{")

    found = history.status_history([str(tmp_path / "results"), str(tmp_path / "jobs"), str(tmp_path / "none")])

    assert found["jobs"] == ["new", "old"]
    assert found["boards"]["board1"] == {
        "jobs": 2, "chunks": 2, "failed": 1, "seconds": 3.0, "speed": 2_000_000 / 3, "peak": 150_000_000, "last": "new"
    }  # fmt: skip
    assert found["boards"]["board2"]["speed"] == 250_000
    assert set(found["boards"]) == {"board1", "board2"}


PLAYBOOK = """
- hosts: localhost
  gather_facts: false
  tasks:
    - ansible.builtin.include_role: {name: processing_job, tasks_from: boards_page.yml, rolespec_validate: false}
"""


def test_page_of_boards(status: ModuleType, tmp_path: Path) -> None:
    root = ROLES.parent
    (tmp_path / "scripts").symlink_to(root / "scripts")
    launched = {"launched": 1_780_000_009.0}
    write(tmp_path / "results", "one", 3, [attempt(1, "board2", took=4.0, **launched)])
    reports = cluster(b2=MORE) | {"b3": {}}
    wrong = status.status_problems(reports, GROUPS)
    given = {
        "processing_job_boards_html": str(tmp_path / "page.html"),
        "processing_job_boards_reports": reports,
        "processing_job_boards_problems": wrong,
        "__processing_job_root": str(tmp_path),
    }
    (tmp_path / "play.yml").write_text(PLAYBOOK)
    (tmp_path / "given.json").write_text(json.dumps(given))
    (tmp_path / "hosts.yml").write_text(json.dumps(
        {"all": {"children": {group: {"hosts": dict.fromkeys(boards)} for group, boards in GROUPS.items()}}}
    ))  # fmt: skip

    done = subprocess.run(
        [Path(sys.executable).with_name("ansible-playbook"), tmp_path / "play.yml", "-i", tmp_path / "hosts.yml",
         "-e", f"@{tmp_path / 'given.json'}"],
        env=os.environ | {
            "ANSIBLE_CONFIG": str(root / "ansible.cfg"), "ANSIBLE_ROLES_PATH": str(ROLES),
            "ANSIBLE_FILTER_PLUGINS": str(root / "plugins/filter"),
        },
        check=False, capture_output=True, text=True, timeout=300,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout + done.stderr
    html = (tmp_path / "page.html").read_text()
    found = Page(html)
    assert "alert(1)</script>" not in html
    assert not {"script", "img", "iframe"} & {tag for tag, _ in found.elements}
    assert MARKUP in found.text
    for words in (
        "81 °C", "undervoltage now, throttling now, undervoltage since", "29.3 GB", "b3 cannot be reached",
        "b2110", "0.2 MB/s", "150 MB",
    ):  # fmt: skip
        assert words in found.words, words
    assert [text for tag, text in found.elements if text.get("class") == "number bad"]
