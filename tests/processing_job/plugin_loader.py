"""The parts of the role processing_job that are Python, as modules, and what was recorded of a real engine."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from tests.support.jobs import ROOT

ROLE = ROOT / "roles/processing_job"
RECORDED = Path(__file__).parent / "recordings"


def load(path: Path, name: str = "") -> ModuleType:
    """Return a file that is run or loaded by its path as a module, by default of a name made of its own."""
    spec = importlib.util.spec_from_file_location(name or f"cluster_{path.stem}", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # as Ansible does; dataclasses look there
    spec.loader.exec_module(module)
    return module


# Ansible brings what its modules share along under this name. In the order in which they import each other.
text, files, status, about, rounds = (
    load(ROLE / f"module_utils/processing_job_{name}.py", f"ansible.module_utils.processing_job_{name}")
    for name in ("text", "files", "status", "about", "round")
)
jobs = load(ROLE / "library/processing_job_jobs.py")
exact = load(ROLE / "filter_plugins/exact.py")
sizing = load(ROLE / "filter_plugins/resource_layout.py")
image = load(ROLE / "filter_plugins/container_names.py")
digest = load(ROLE / "files/cached_sha256.py")
look = load(ROLE / "library/processing_job_round_info.py")
watch = load(ROLE / "action_plugins/processing_job_wait_for_round.py")


def recorded(name: str) -> dict[str, Any]:
    """Return the answers of a real engine, as record.py wrote them down."""
    answers: dict[str, Any] = json.loads((RECORDED / f"{name}.json").read_text())
    return answers


def tasks(name: str) -> list[dict[str, Any]]:
    """Return the tasks of a recording as the module tells them; slot n is chunk n + 10."""
    answers = recorded(name)
    boards = {node["ID"]: node["Description"]["Hostname"] for node in answers["nodes"]}
    return [look.told(task, boards, 1, list(range(11, 60))) for task in answers["tasks"]]
