"""Find variables that would be ignored: misspelt extra ones, and those of the inventory that the playbooks compute."""

from __future__ import annotations

import re
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from ansible.inventory.manager import InventoryManager
from ansible.plugins.lookup import LookupBase
from ansible.utils.vars import load_extra_vars
from ansible.vars.plugins import get_vars_from_inventory_sources, get_vars_from_path

if TYPE_CHECKING:
    from collections.abc import Iterable

DOCUMENTATION = """
name: unknown_variables
short_description: Messages about extra variables that nothing uses
description:
  - Checks the variables that were set with C(-e), directly or in a file, and returns one message for each that
    nothing uses.
  - A playbook uses the variables that it names in the form C(name | default(...)) or
    C(lookup('processing_job_given', 'name', default=...)), and those named after it as terms.
  - Ansible's own variables, and those of the roles, of playbooks/vars and of the inventory are allowed.
  - For preflight.yml, also one message for each variable of a role that the inventory sets although
    playbooks/vars/cluster.yml computes it, which takes precedence.
options:
  _terms:
    description: The file name of the playbook in playbooks/, then names of more variables that it uses.
"""

PLAYBOOKS = Path(__file__).resolve().parents[1]
#: An expression that is another variable, and one that is a setting of the cluster.
SAME = re.compile(r"\{\{ (\w+) \}\}$")
SETTING = re.compile(r"\{\{ (csvswarm_\w+) \| default\(")
USED = re.compile(r"(?:\b|lookup\('processing_job_given', ')([a-z]\w*)(?: \| default\(|',\s+default=)")


class LookupModule(LookupBase):
    """The lookup."""

    def run(self, terms: list[str], variables: dict[str, Any] | None = None, **_: Any) -> list[str]:
        """Return the messages."""
        playbook, *more = terms
        known = {*USED.findall((PLAYBOOKS / playbook).read_text()), *more}
        unknown = [name for name in load_extra_vars(self._loader) if not name.startswith("ansible_")]
        unknown = [name for name in unknown if name not in known]
        if unknown:  # rare, so computed only here
            others = settings() | self._inventory_s(variables or {})
            unknown = [name for name in unknown if name not in others]
            known |= others
        messages = [message(name, known) for name in unknown]
        if playbook == "preflight.yml":
            set_in_vain = sorted(self._inventory_s(variables or {}) & computed().keys())
            messages += [computed_message(name) for name in set_in_vain]
        return messages

    def _inventory_s(self, variables: dict[str, Any]) -> set[str]:
        """Return the names of all variables of the inventory, of its group_vars and of its host_vars."""
        sources = variables.get("ansible_inventory_sources") or []
        inventory = InventoryManager(self._loader, sources=sources)
        entities = [*inventory.groups.values(), *inventory.hosts.values()]
        names = {name for entity in entities for name in entity.vars}
        names |= set(get_vars_from_inventory_sources(self._loader, sources, entities, "task"))
        return names | set(get_vars_from_path(self._loader, str(PLAYBOOKS), entities, "task"))


def settings() -> set[str]:
    """Return the names of the roles' variables and of the settings in playbooks/vars."""
    names: set[str] = set()
    for path in PLAYBOOKS.parent.glob("roles/*/meta/argument_specs.yml"):
        names |= yaml.safe_load(path.read_text())["argument_specs"]["main"]["options"].keys()
    for path in PLAYBOOKS.glob("vars/*.yml"):
        names |= {*re.findall(r"\bcsvswarm_\w+", path.read_text()), *yaml.safe_load(path.read_text())}
    return names


def computed() -> dict[str, str]:
    """Return the expressions of the roles' variables that the playbooks compute, by name."""
    found = yaml.safe_load((PLAYBOOKS / "vars/cluster.yml").read_text())
    return {name: str(text) for name, text in found.items() if not name.startswith("csvswarm_")}


def computed_message(name: str) -> str:
    """Return the message about a variable of the inventory that has no effect."""
    expressions = computed()
    text = expressions[name]
    while (same := SAME.match(text)) and same[1] in expressions:
        text = expressions[same[1]]
    setting = SETTING.match(text)
    remedy = f"Set {setting[1]} instead." if setting else "Remove it; docs/swarm.md lists the settings of a cluster."
    return f"{name} in the inventory has no effect, since the playbooks compute it. {remedy}"


def message(name: str, known: Iterable[str]) -> str:
    """Return the message about one variable."""
    close = get_close_matches(name, sorted(known), 1)
    hint = f"Did you mean {close[0]}?" if close else "Remove it, or see docs/job-variables.md."
    return f"{name}: unknown variable. {hint}"
