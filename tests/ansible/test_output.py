"""What ansible-playbook prints, and when."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import yaml

from tests.ansible.conftest import ANSIBLE_PLAYBOOK, ROOT

PLAY = [
    {
        "hosts": "localhost",
        "gather_facts": False,
        "tasks": [
            {
                "name": "Say that the first item is there, and wait for the second",
                "ansible.builtin.wait_for": {"path": "{{ item }}", "timeout": 60},
                "loop": ["/", "{{ heard }}"],
            },
        ],
    }
]


def test_a_log_has_every_line_at_once(tmp_path: Path) -> None:
    """A task goes on only when its first words have come through a pipe: it would not, if they waited for more."""
    (tmp_path / "play.yml").write_text(yaml.safe_dump(PLAY))
    heard = tmp_path / "heard"
    env = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "PYTHON"))}
    with subprocess.Popen(
        [ANSIBLE_PLAYBOOK, tmp_path / "play.yml", "-e", f"heard={heard}"],
        env=env | {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as run:
        assert run.stdout
        lines = []
        for line in run.stdout:
            lines.append(line)
            if line.startswith("ok: [localhost] => (item=/)"):
                heard.touch()
        code = run.wait()

    assert code == 0, "".join(lines)
