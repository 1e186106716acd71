"""The table of docs/boards/supported.md has what scenarios have recorded."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jinja2
import pytest

from tests.processing_job.plugin_loader import load

ROOT = Path(__file__).resolve().parents[2]
supported_boards = load(ROOT / "tools/supported_boards.py", "supported_boards")
PAGE = f"# Page\n\n{supported_boards.BEGIN}{supported_boards.HEAD}{supported_boards.END}\nThe end.\n"


def board(system: str, docker: str = "26.1.5") -> dict[str, str]:
    return {"system": system, "architecture": "x86_64", "kernel": "7.3.0", "docker": docker}


RECORD = {
    "date": "2026-11-27",
    "boards": [board("Debian 13.2"), board("Debian 13.2"), board("Debian 12.12", "20.10.24"), board("Debian 13.2", "")],
}
ROWS = [
    "| Debian 12.12 | x86_64 | 20.10.24 | `life` | 1 | 2026-11-27 |",
    "| Debian 13.2 | x86_64 | 26.1.5 | `life` | 2 | 2026-11-27 |",
    "| Debian 13.2 | x86_64 | none | `life` | 1 | 2026-11-27 |",
]


def today(*, utc: bool) -> datetime:
    """As Ansible's function `now`."""
    return datetime.now(UTC if utc else None)


def table(page: str) -> list[str]:
    rows: str = page.partition(supported_boards.HEAD)[2].partition(supported_boards.END)[0]
    return rows.splitlines()


def test_a_scenario_replaces_its_own_rows() -> None:
    page = supported_boards.updated(PAGE, {"life": RECORD})

    assert table(page) == ROWS
    other = supported_boards.updated(page, {"default": {"date": "2026-11-28", "boards": [board("Debian 13.2")]}})
    assert table(other) == [*ROWS[:1], "| Debian 13.2 | x86_64 | 26.1.5 | `default` | 1 | 2026-11-28 |", *ROWS[1:]]
    assert supported_boards.updated(other, {}) == other
    assert other.startswith("# Page\n")
    assert other.endswith("\nThe end.\n")


def test_the_page_of_the_documentation_has_the_table() -> None:
    page = supported_boards.PAGE.read_text()

    assert supported_boards.updated(page, {}) == page
    with pytest.raises(ValueError, match=r"supported.md: the lines .* are missing"):
        supported_boards.updated("# Page\n", {})


def test_the_record_of_a_scenario_is_read() -> None:
    """As verify renders it, where a board that only serves the share has no Docker."""
    facts = {"distribution": "Debian", "distribution_version": "13.2", "architecture": "x86_64", "kernel": "7.3.0"}
    hosts: dict[str, Any] = {
        "b1": {"ansible_facts": facts, "verify_info": {"stdout": json.dumps({"ServerVersion": "26.1.5"})}},
        "b2": {"ansible_facts": facts, "verify_info": {"skipped": True}},
    }
    environment = jinja2.Environment(trim_blocks=True, autoescape=False)
    environment.filters |= {"to_json": json.dumps, "from_json": json.loads}
    template = environment.from_string((ROOT / "molecule/shared/templates/boards.json.j2").read_text())

    record = json.loads(template.render(csvswarm_boards=["b1", "b2"], hostvars=hosts, now=today))

    assert [one["docker"] for one in record["boards"]] == ["26.1.5", ""]
    assert len(supported_boards.rows("life", record)) == 2
