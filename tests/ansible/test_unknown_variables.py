"""The names of variables that a playbook accepts are found in its text."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.jobs import ROOT

SOURCE = (ROOT / "playbooks/lookup_plugins/unknown_variables.py").read_text()
(PATTERN,) = re.findall(r'^USED = re\.compile\(r"(.+)"\)$', SOURCE, re.MULTILINE)
USED = re.compile(PATTERN)


@pytest.mark.parametrize("playbook", sorted((ROOT / "playbooks").glob("*.yml")), ids=lambda path: path.stem)
def test_every_variable_that_a_playbook_looks_up_is_found(playbook: Path) -> None:
    text = playbook.read_text()

    looked_up = {*re.findall(r"lookup\(\s*'processing_job_given',\s*'(\w+)'", text)}

    assert looked_up <= {*USED.findall(text)}
