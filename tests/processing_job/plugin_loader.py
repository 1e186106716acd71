"""The parts of the role processing_job that are Python, as modules, and a runner for its Ansible modules."""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import ansible.module_utils

from tests.support.jobs import ROOT

ROLE = ROOT / "roles/processing_job"
RECORDED = Path(__file__).parents[1] / "driver/recordings"
#: Ansible sends shared code of modules under this name.
ansible.module_utils.__path__.append(str(ROLE / "module_utils"))
_RUNNER = """
import runpy, sys
import ansible.module_utils
utilities, module = sys.argv[1:]
ansible.module_utils.__path__.append(utilities)
sys.argv[1:] = []
runpy.run_path(module, run_name="__main__")
"""


def load(path: Path, name: str = "") -> ModuleType:
    """Return a file that is run or loaded by its path as a module, by default of a name made of its own."""
    spec = importlib.util.spec_from_file_location(name or f"cluster_{path.parent.name}_{path.stem}", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # as Ansible does; dataclasses look there
    spec.loader.exec_module(module)
    return module


def shared(name: str) -> ModuleType:
    """Return a file of module_utils."""
    return importlib.import_module(f"ansible.module_utils.processing_job_{name}")


def run_module(
    name: str, arguments: dict[str, Any], *, check: bool = False, environment: dict[str, str] | None = None
) -> dict[str, Any]:
    """Run a module as Ansible does on a board, without Ansible around it, and return its answer."""
    done = subprocess.run(
        [sys.executable, "-c", _RUNNER, ROLE / "module_utils", ROLE / f"library/{name}.py"],
        input=json.dumps({"ANSIBLE_MODULE_ARGS": {**arguments, "_ansible_check_mode": check}}),
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.stdout, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    assert done.returncode == int(bool(answer.get("failed"))), done.stderr
    return answer


text, files, job_summary = shared("text"), shared("files"), shared("job_summary")
jobs = load(ROLE / "library/processing_job_jobs.py")
exact = load(ROLE / "filter_plugins/exact.py")
sizing = load(ROLE / "filter_plugins/resource_layout.py")
image = load(ROLE / "filter_plugins/board_images.py")
messages = load(ROLE / "filter_plugins/job_messages.py")
summary = load(ROLE / "filter_plugins/job_summary.py")
digest = load(ROLE / "action_plugins/processing_job_input.py")
watch = load(ROLE / "action_plugins/processing_job_watch.py")


def recorded(name: str) -> dict[str, Any]:
    """Return the answers of a real engine, as record_docker_api.py wrote them down."""
    answers: dict[str, Any] = json.loads((RECORDED / f"{name}.json").read_text())
    return answers
