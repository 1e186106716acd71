"""The prose and length checks of `make lint` find violations, and the repository passes them."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.support.jobs import ROOT


def tool(name: str, monkeypatch: pytest.MonkeyPatch, root: Path) -> ModuleType:
    """A tool as a module that works on another repository."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "ROOT", root)
    return module


@pytest.mark.parametrize("name", ["check_prose", "check_lengths"])
def test_the_repository_passes(name: str) -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "tools" / f"{name}.py"], cwd=ROOT, check=False, capture_output=True, text=True
    )

    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)


def test_few_rules_are_switched_off_and_each_with_a_reason() -> None:
    command = ["git", "grep", "-hE", "# *(noqa|type: ignore|shellcheck disable|yamllint disable)|skip_list"]
    found = subprocess.check_output([*command, "--", ":!pyproject.toml", ":!tests/docs"], cwd=ROOT, text=True)
    lines = found.splitlines()

    reason = re.compile(r"(?:noqa: |ignore\[|disable=)[\w, -]+?\]? +(?:#|-) +\w")
    assert [line for line in lines if not reason.search(line)] == []
    assert len(lines) <= 20


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("a.md", "One.\n\nThe user is told\nto wait.\n", 3),
        ("a.py", "x = 1\ny = 2  # it goes on here\n", 2),
        ("a.py", '"""Do.\n\nNothing is held.\n"""\n', 3),
        ("a.py", 'raise ValueError(f"{x} runs again")\n', 1),
        ("a.yml", "a: 1\n# shall be\n- name: Mend the disk\n", 2),
        ("a.c", "int x;\n/* the value\n   stands here */\n", 3),
    ],
)
def test_an_idiom_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, text: str, line: int) -> None:
    path = tmp_path / name
    path.write_text(text)

    first = next(tool("check_prose", monkeypatch, tmp_path).findings(path))

    assert first.startswith(f"{name}:{line}: ")


def test_strings_of_tests_are_data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "tests" / "a.py"
    path.parent.mkdir()
    path.write_text('"""Hold it."""\nx = f(\n    "it is told so",\n)\n')

    found = list(tool("check_prose", monkeypatch, tmp_path).findings(path))

    assert [message.split(": ")[1] for message in found] == ["'Hold'"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.md", 'Run `again`, quote "held", see [this](told.md).\n\n```\nsaid\n```\n\n    mend this\n\nDone.\n'),
        ("a.py", "told = held()\nassert again == 'again'\n"),
        ("a.yml", "again: told\n"),
        ("a.c", "int held = 1;\n"),
    ],
)
def test_code_is_not_prose(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / name
    path.write_text(text)

    assert list(tool("check_prose", monkeypatch, tmp_path).findings(path)) == []


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.yml", "a: 1\n" * 301, "a.yml: 301 lines"),
        ("a.py", "def f():\n" + "    x = 1\n" * 50, "a.py:1: f has 51 lines"),
        ("a.c", "int x;\n\nint f(int a)\n{\n" + "    x = 1;\n" * 50 + "}\n", "a.c:3: f has 53 lines"),
    ],
)
def test_long_files_and_functions_are_reported_without_a_reason(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, text: str, message: str
) -> None:
    path, lengths = tmp_path / name, tool("check_lengths", monkeypatch, tmp_path)
    path.write_text(text)
    assert [found.startswith(message) for found in lengths.findings(path)] == [True]

    reason = "Over 300 lines: a table. Over 50 lines: f: a table."
    path.write_text({"py": f"# {reason}\n", "yml": f"# {reason}\n", "c": f"/* {reason} */\n"}[name[2:]] + text)
    assert list(lengths.findings(path)) == []


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.yml", "a: 1\nb: >-\n  {{ c\n     | d\n     | e }}\n", "a.yml:3: an expression of 3 lines"),
        ("a.j2", "{% if a\n      and b\n      and c %}\n", "a.j2:1: an expression of 3 lines"),
        ("a.yml", "a: >-\n  {{ b\n     | c }} and\n  {{ d }}\n", None),
        ("a.sh", "echo {{\n\n\n}}\n", None),
    ],
)
def test_long_expressions_are_reported(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, text: str, message: str | None
) -> None:
    path = tmp_path / name
    path.write_text(text)

    found = list(tool("check_lengths", monkeypatch, tmp_path).findings(path))

    assert [one.split(",")[0] for one in found] == ([message] if message else [])


def test_files_and_functions_within_the_limits_pass(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_text("def f():\n" + "    x = 1\n" * 49 + "x = 1\n" * 250)

    assert list(tool("check_lengths", monkeypatch, tmp_path).findings(path)) == []
