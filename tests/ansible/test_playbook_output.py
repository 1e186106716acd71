"""The output of ansible-playbook and its timing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import yaml

from tests.ansible.conftest import ANSIBLE_PLAYBOOK, ROOT

PLAY = [
    {
        "hosts": "localhost",
        "gather_facts": False,
        "tasks": [
            {
                "name": "Wait for two items, and print the first one",
                "ansible.builtin.wait_for": {"path": "{{ item }}", "timeout": 60},
                "loop": ["/", "{{ heard }}"],
            },
        ],
    }
]


def test_output_to_a_file_is_line_buffered(tmp_path: Path) -> None:
    """A task continues only after its first output has come through a pipe, which fails if output is buffered."""
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


COMMAND = "the command ended with exit code 3\nwhat it wrote\n"
INTERPRETER = f"ansible_python_interpreter={sys.executable}"
FAILURES = [
    {
        "hosts": "all",
        "gather_facts": False,
        "tasks": [
            {"name": "Fail, but continue", "ansible.builtin.fail": {"msg": "not shown"}, "ignore_errors": True},
            {
                "block": [{"name": "Be rescued", "ansible.builtin.fail": {"msg": "nor this"}}],
                "rescue": [{"name": "Print a text", "ansible.builtin.debug": {"msg": "line 1\nline 2"}}],
            },
            {
                "name": "Run a command",
                "ansible.builtin.command": {"argv": ["sh", "-c", "echo what it wrote >&2; exit 3"]},
                "when": "inventory_hostname == 'c'",
            },
            {
                "name": "Fail with a list, as a command's output is one",
                "ansible.builtin.fail": {"msg": ["two lines", "of text"]},
                "when": "inventory_hostname == 'a'",
            },
            {"name": "Fail", "ansible.builtin.fail": {"msg": "two lines\nof text"}},
        ],
    }
]


def failing(tmp_path: Path, *arguments: str) -> tuple[str, str]:
    """Run a playbook that fails on three boards. Returns its standard output and standard error."""
    (tmp_path / "play.yml").write_text(yaml.safe_dump(FAILURES))
    env = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    done = subprocess.run(
        [ANSIBLE_PLAYBOOK, "play.yml", "-i", "a,b,c", "-c", "local", "-e", INTERPRETER, *arguments],
        cwd=tmp_path,
        env=env | {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"},
        check=False,
        text=True,
        capture_output=True,
    )
    assert done.returncode
    return done.stdout, done.stderr


def test_every_error_is_printed_once_at_the_end(tmp_path: Path) -> None:
    output, errors = failing(tmp_path)

    assert sorted(errors.split("ERROR ")) == [
        "",
        "on a, b: two lines\nof text\n",
        f"on c: {COMMAND}in the task: Run a command (add -v for all that it returned)\n",
    ]
    # Neither messages nor excerpts of the playbook appear among the tasks; failed tasks are visible.
    for text in ("two lines", "what it wrote", "not shown", "Origin:", "ansible.builtin"):
        assert text not in output
    assert "failed: [a]\n" in output
    # A text is printed unchanged.
    assert "\nline 1\nline 2\n" in output


def test_verbose_prints_details(tmp_path: Path) -> None:
    output, errors = failing(tmp_path, "-v")

    assert "rc: 3" in output
    assert errors.count(f"ERROR on c: {COMMAND}") == 1
