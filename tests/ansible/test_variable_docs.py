"""Defaults, specifications, the playbook and the README agree."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
ROLES = sorted(path for path in (ROOT / "roles").iterdir() if path.is_dir())


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_argument_specs_equal_defaults(role: Path) -> None:
    options = load(role / "meta/argument_specs.yml")["argument_specs"]["main"]["options"]
    defaults_file = role / "defaults/main.yml"
    defaults = load(defaults_file) or {} if defaults_file.exists() else {}

    # A required option has no default in either place.
    assert {name: option.get("default") for name, option in options.items() if not option.get("required")} == defaults
    assert all(name.startswith(f"{role.name}_") for name in options)
    assert all(option.get("description") for option in options.values())


def playbook_variables() -> dict[str, tuple[str, object]]:
    """Return what playbooks/run_job.yml passes to the role: user's name -> (role's name, default)."""
    [play] = load(ROOT / "playbooks/run_job.yml")
    [task] = play["tasks"]
    variables = {}
    for name, template in task["vars"].items():
        found = re.fullmatch(r"\{\{ lookup\('processing_job_given', '(\w+)', default=(.*)\) \}\}", template)
        assert found, template
        variables[found[1]] = (name, None if found[2] == "none" else ast.literal_eval(found[2]))
    return variables


def test_playbook_defaults_equal_role_defaults() -> None:
    defaults = load(ROOT / "roles/processing_job/defaults/main.yml")
    variables = playbook_variables()

    assert all(defaults[name] == default for name, default in variables.values())
    # The directory of jobs is internal to engines and tests.
    assert defaults.keys() - {name for name, _ in variables.values()} == {"processing_job_directory"}


def test_documentation_lists_the_playbook_variables() -> None:
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", (ROOT / "docs/job-variables.md").read_text(), re.MULTILINE)
    listed = [name for row in rows for name in re.findall(r"`(\w+)`", row)]

    assert sorted(listed) == sorted(playbook_variables())
