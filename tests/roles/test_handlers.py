"""Every handler that a task of a role notifies exists in that role."""

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
