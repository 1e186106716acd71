"""The recipes of docs/recipes: every command is run, and its output is compared with the page."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.jobs import ROOT
from tests.support.packages import LEARNING, need_index

if TYPE_CHECKING:
    from tests.ansible.conftest import Clone

RECIPES = ROOT / "docs/recipes"
PAGES = sorted(path for path in RECIPES.glob("*.md") if path.name != "index.md")
_FILE = re.compile(r"^<!-- file: (\S+) -->\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_CONSOLE = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
#: A command begins with a dollar sign, its further lines with >. The lines after it are its output.
_COMMAND = re.compile(r"^\$ (.*\n(?:> .*\n)*)((?:(?!\$ ).*\n)*)", re.MULTILINE)


def commands(page: str) -> list[tuple[str, str]]:
    """The commands of a page, with their outputs."""
    found = [found for block in _CONSOLE.findall(page) for found in _COMMAND.findall(block)]
    return [(re.sub(r"^> ", "", command, flags=re.MULTILINE).strip(), output) for command, output in found]


def pattern(output: str) -> str:
    """A pattern of a command's output: a line of three dots matches any number of lines."""
    lines = [r"(?:.*\n)*?" if line == "..." else re.escape(line) + r"\n" for line in output.splitlines()]
    return "".join(lines)


def cache_of(clone: Clone) -> Path:
    """A cache directory with the packages of this clone, and with what uv has downloaded."""
    cache = clone.root / "cache"
    users = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    for name, target in {"csvswarm/packages": ROOT / ".cache/packages", "uv": users / "uv"}.items():
        target.mkdir(parents=True, exist_ok=True)
        (cache / name).parent.mkdir(parents=True, exist_ok=True)
        (cache / name).symlink_to(target)
    return cache


@pytest.mark.timeout(600)
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_recipe_prints_what_its_page_shows(clone: Clone, page: Path) -> None:
    text = page.read_text()
    installs = "requirements=" in text
    if installs:
        need_index(clone.root)
    for name, content in _FILE.findall(text):
        (clone.root / name).parent.mkdir(exist_ok=True)
        # A list of packages becomes that of another test, whose environment serves here, too.
        (clone.root / name).write_text(LEARNING if installs and name == "packages.txt" else content)
    env = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    env |= {"ANSIBLE_NOCOLOR": "1", "ANSIBLE_CONFIG": str(clone.root / "ansible.cfg")}
    env |= {"XDG_CACHE_HOME": str(cache_of(clone))} if installs else {}
    env["PATH"] = f"{Path(sys.executable).parent}:{env['PATH']}"
    found = commands(text)
    assert found
    for command, output in found:
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=clone.root,
            env=env,
            check=False,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}"
        assert re.fullmatch(pattern(output), done.stdout), f"{command}\n{done.stdout}"


def test_the_index_lists_every_recipe() -> None:
    assert sorted(re.findall(r"\]\(([\w-]+\.md)\)", (RECIPES / "index.md").read_text())) == [p.name for p in PAGES]


def test_a_wrong_output_is_noticed() -> None:
    page = "```console\n$ echo a\n> b\na\n...\nb\n$ true\n```\n"
    assert commands(page) == [("echo a\nb", "a\n...\nb\n"), ("true", "")]
    assert re.fullmatch(pattern("a\n...\nb\n"), "a\nx\ny\nb\n")
    assert not re.fullmatch(pattern("a\n...\nb\n"), "a\nx\nb\nc\n")
    assert not re.fullmatch(pattern("a\n"), "a \n")
