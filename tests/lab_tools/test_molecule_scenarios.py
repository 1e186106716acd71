"""All listed playbooks exist: Molecule skips a missing playbook with only a warning."""

from __future__ import annotations

import configparser
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
SCENARIOS = sorted((ROOT / "molecule").glob("*/molecule.yml"))


@pytest.mark.parametrize("file", SCENARIOS, ids=lambda file: file.parent.name)
def test_every_playbook_exists(file: Path) -> None:
    scenario = yaml.safe_load(file.read_text())
    playbooks = scenario["ansible"]["playbooks"]
    steps = [step.split() for step in scenario["scenario"]["test_sequence"]]

    for path in [*playbooks.values(), *(argument for _, *arguments in steps for argument in arguments)]:
        assert (file.parent / path).is_file(), path
    aliases = {"check": "converge", "idempotence": "converge"}
    assert {aliases.get(step, step) for step, *_ in steps} <= playbooks.keys()


@pytest.mark.parametrize("file", SCENARIOS, ids=lambda file: file.parent.name)
def test_the_output_of_ansible_cfg_is_found(file: Path) -> None:
    """A scenario's list of callback plugins replaces that of ansible.cfg, so it must include its stdout callback."""
    settings = configparser.ConfigParser()
    settings.read(ROOT / "ansible.cfg")
    folders = yaml.safe_load(file.read_text())["ansible"]["env"]["ANSIBLE_CALLBACK_PLUGINS"].split(":")

    names = [folder.replace("${MOLECULE_PROJECT_DIRECTORY}", str(ROOT)) for folder in folders]
    name = settings["defaults"]["stdout_callback"]
    assert any((Path(folder) / f"{name}.py").is_file() for folder in names)
    assert any((Path(folder) / "phase_times.py").is_file() for folder in names)
