"""Ansible cannot load a plugin whose documentation is not YAML."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
import yaml

from tests.support.jobs import ROOT

PLUGINS = sorted(
    path
    for folder in ("playbooks", "roles/*")
    for kind in ("library", "*_plugins")
    for path in ROOT.glob(f"{folder}/{kind}/*.py")
)


@pytest.mark.parametrize("plugin", PLUGINS, ids=lambda path: str(path.relative_to(ROOT)))
def test_documentation_is_yaml(plugin: Path) -> None:
    for node in ast.parse(plugin.read_text()).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) in ("DOCUMENTATION", "EXAMPLES", "RETURN"):
            yaml.safe_load(ast.literal_eval(node.value))


def test_plugins_are_found() -> None:
    assert len(PLUGINS) > 30
