"""What playbooks/jobs.yml learns from job directories, whose processors may have written anything into them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.plugins import ROLE, load

jobs = load(ROLE / "files/jobs.py")
WISH = {"input": "/home/me/data.csv", "processor": "transform"}


@pytest.fixture
def share(tmp_path: Path) -> Path:
    (tmp_path / ".csvswarm-cluster").write_text("id\n")
    for name in ("one", "two"):
        (tmp_path / "jobs" / name / "receipts").mkdir(parents=True)
    (tmp_path / "requests").mkdir()
    (tmp_path / "requests/one.json").write_text(json.dumps(WISH))
    return tmp_path


def about(share: Path, name: str) -> dict[str, Any]:
    answer = jobs.main(share / "jobs", share / "results", "list", "")
    return next(job for job in answer["jobs"] if job["job"] == name)


def test_what_was_asked_for_is_not_what_the_job_directory_says(share: Path) -> None:
    forged = {"input": {"path": "/root/.ssh/id_ed25519"}, "chunks": [{"rows": 3}]}
    (share / "jobs/one/manifest.json").write_text(json.dumps(forged))
    (share / "jobs/two/manifest.json").write_text(json.dumps(forged))

    assert about(share, "one")["wish"] == WISH
    assert (about(share, "two")["wish"], about(share, "two")["shared"]) == ({}, True)


def test_a_job_of_this_machine_has_no_such_file(share: Path) -> None:
    (share / ".csvswarm-cluster").unlink()

    assert (about(share, "one")["wish"], about(share, "one")["shared"]) == ({}, False)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("manifest.json", '{"chunks": 7}'),
        ("manifest.json", '{"chunks": [1]}'),
        ("manifest.json", '{"chunks": {"rows": 1}}'),
        ("receipts/000001-0001.json", '{"chunk": 1}'),
        ("receipts/000001-0001.json", '{"chunk": [], "status": "done"}'),
        ("receipts/000001-0001.json", '{"chunk": 1, "status": "error"}'),
    ],
)
def test_a_garbled_job_does_not_hide_the_others(share: Path, path: str, text: str) -> None:
    (share / "jobs/one" / path).write_text(text)

    assert about(share, "one")["state"] == "damaged"
    assert about(share, "two")["state"] == "not split"


def test_links_that_lead_nowhere_are_no_harm(share: Path) -> None:
    (share / "jobs/one/nothing").symlink_to("/nowhere")
    (share / "jobs/one/receipts/000001-0001.json").symlink_to("/nowhere")
    (share / "jobs/one/manifest.json").symlink_to("manifest.json")

    assert about(share, "one")["state"] == "not split"


def test_what_was_asked_for_goes_with_its_job(share: Path) -> None:
    jobs.main(share / "jobs", share / "results", "remove", "one")

    assert not (share / "requests/one.json").exists()
    assert sorted(path.name for path in (share / "jobs").iterdir()) == ["two"]
