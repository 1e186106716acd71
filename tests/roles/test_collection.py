"""The clone is a collection too: built, installed, and a job run from it; its plugins have their full names."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.roles.playing import ROOT
from tests.support.jobs import SAMPLE

BIN = Path(sys.executable).parent
KINDS = {
    "filter_plugins": "filter",
    "lookup_plugins": "lookup",
    "action_plugins": "action",
    "library": "modules",
    "module_utils": "module_utils",
}
PLUGINS = sorted(
    path for kind in KINDS for folder in ("roles/*", "playbooks") for path in ROOT.glob(f"{folder}/{kind}/*.py")
)
CLUSTER_ROLES = sorted(path.name for path in (ROOT / "roles").iterdir() if path.name != "processing_job")
FULL_NAMES = """
- hosts: localhost
  gather_facts: false
  tasks:
    - debug: {msg: "{{ {'all_ipv4_addresses': ['192.0.2.1']} | csvswarm.csvswarm.board_address('') }}"}
    - csvswarm.csvswarm.write_files: {files: []}
"""


def run(name: str, *words: str | Path, cwd: Path, **environment: str) -> str:
    done = subprocess.run(
        [BIN / name, *words],
        cwd=cwd,
        env={key: value for key, value in os.environ.items() if not key.startswith("ANSIBLE_")} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_the_plugins_are_found() -> None:
    assert len(PLUGINS) > 20


@pytest.mark.parametrize("plugin", PLUGINS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_plugin_has_its_place_in_the_collection(plugin: Path) -> None:
    assert (ROOT / "plugins" / KINDS[plugin.parent.name] / plugin.name).resolve() == plugin.resolve()


@pytest.mark.parametrize("kind", ["filter", "lookup", "action", "module_utils"])
def test_the_playbooks_of_the_collection_find_short_names(kind: str) -> None:
    """Ansible searches short names of the roles' plugins only beside the playbooks."""
    beside = ROOT / "playbooks" / next(name for name, value in KINDS.items() if value == kind)

    assert {path.name for path in (ROOT / "plugins" / kind).glob("*.py")} <= {path.name for path in beside.glob("*.py")}


def test_role_metadata_matches_the_collection_requirements() -> None:
    runtime = yaml.safe_load((ROOT / "meta/runtime.yml").read_text())["requires_ansible"]

    for path in ROOT.glob("roles/*/meta/main.yml"):
        assert runtime == f">={yaml.safe_load(path.read_text())['galaxy_info']['min_ansible_version']}.0"


def test_a_job_runs_from_the_installed_tarball(tmp_path: Path) -> None:
    run("ansible-galaxy", "collection", "build", "--output-path", tmp_path, cwd=ROOT)
    [tarball] = tmp_path.glob("*.tar.gz")
    assert tarball.stat().st_size < 3_000_000, "it holds more than the project's files"
    place, user = tmp_path / "collections", tmp_path / "user"
    user.mkdir()
    run("ansible-galaxy", "collection", "install", "--no-deps", "--offline", "--force", "-p", place, tarball, cwd=user)
    words = ("-e", f"input={SAMPLE}", "-e", "chunks=2", "-e", "job_id=one", "-e", f"output={user}/result")
    path = {"ANSIBLE_COLLECTIONS_PATH": f"{place}"}

    run("ansible-playbook", "csvswarm.csvswarm.run_job", *words, cwd=user, **path)

    assert (user / "result/result.csv").read_bytes().count(b"\n") > 3
    playbook = user / "names.yml"
    playbook.write_text(FULL_NAMES)
    assert "192.0.2.1" in run("ansible-playbook", playbook, cwd=user, **path)


@pytest.mark.parametrize("role", CLUSTER_ROLES)
def test_a_role_alone_finds_its_modules_and_requires_ansible_core(tmp_path: Path, role: str) -> None:
    """Only roles_path is set, so no plugin of the playbooks' folder is found."""
    playbook = tmp_path / "alone.yml"
    playbook.write_text(
        "- hosts: localhost\n  gather_facts: false\n  tasks:\n"
        f"    - import_role: {{name: {role}, tasks_from: present}}\n    - import_role: {{name: {role}}}\n"
    )
    path = {"ANSIBLE_ROLES_PATH": str(ROOT / "roles")}

    run("ansible-playbook", playbook, "--syntax-check", cwd=tmp_path, **path)

    least = yaml.safe_load((ROOT / f"roles/{role}/meta/main.yml").read_text())["galaxy_info"]["min_ansible_version"]
    assert yaml.safe_load((ROOT / f"roles/{role}/vars/main.yml").read_text())[f"__{role}_ansible"] == least
