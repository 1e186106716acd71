"""Every handler that a task of a role notifies exists in that role, and is not lost where a run fails before it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.jobs import ROOT


def tasks_in(found: Any) -> Iterator[dict[str, Any]]:
    """Yield all tasks, those inside blocks as well."""
    for task in found or []:
        yield task
        for part in ("block", "rescue", "always"):
            yield from tasks_in(task.get(part))


def texts(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value or [])


@pytest.mark.parametrize("role", sorted(ROOT.glob("roles/*/tasks")), ids=lambda path: path.parent.name)
def test_notified_handlers_exist(role: Path) -> None:
    files = sorted((role.parent / "handlers").glob("*.yml"))
    handlers = [task for file in files for task in tasks_in(yaml.safe_load(file.read_text()))]
    known = {name for task in handlers for name in (task["name"], *texts(task.get("listen")))}
    notified = {
        name
        for file in [*role.rglob("*.yml"), *files]
        for task in tasks_in(yaml.safe_load(file.read_text()))
        for name in texts(task.get("notify"))
    }

    assert notified <= known


def writes_with_handlers() -> list[tuple[Path, dict[str, Any]]]:
    """Return the tasks whose files take effect by a handler, with their roles."""
    return [
        (role.parent, task)
        for role in sorted(ROOT.glob("roles/*/tasks"))
        for file in sorted(role.rglob("*.yml"))
        for task in tasks_in(yaml.safe_load(file.read_text()))
        if "write_files" in task and "notify" in task
    ]


def test_roles_with_written_files_are_found() -> None:
    assert {role.name for role, _ in writes_with_handlers()} == {"board", "docker_engine", "nfs_server"}


@pytest.mark.parametrize(("role", "task"), writes_with_handlers(), ids=lambda value: getattr(value, "name", ""))
def test_a_handler_that_is_lost_is_notified_by_the_next_run(role: Path, task: dict[str, Any]) -> None:
    """The note names the files that are not in force yet. The last handler removes it."""
    note = task["write_files"]["note"]
    last = yaml.safe_load((role / "handlers/main.yml").read_text())
    remove = [handler for handler in last if handler.get("ansible.builtin.file") == {"path": note, "state": "absent"}]

    assert [handler["name"] for handler in remove] == [texts(task["notify"])[-1]]
    after = last[last.index(remove[0]) + 1 :]
    assert not {handler["name"] for handler in after} & {*texts(task["notify"])}
