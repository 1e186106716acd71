"""docs/jobs-on-boards.md describes what the role does."""

from __future__ import annotations

import re

import pytest
import yaml

from tests.processing_job.plugin_loader import ROLE, sizing
from tests.support.jobs import ROOT

PAGE = (ROOT / "docs/jobs-on-boards.md").read_text()
GB = 1_000_000_000
CORES = {"one core": 1, "four cores each": 4}


def table(heading: str) -> list[list[str]]:
    """Return the rows of the table under a heading, without its own."""
    text = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("|")]
    return rows[2:]


@pytest.mark.parametrize("row", table("Memory, cores and chunks"), ids=lambda row: row[0])
def test_layout_examples(row: list[str]) -> None:
    boards, limit, reservation, slots, chunks = row
    sizes, cores = boards.rsplit(", ", 1)
    memories = [
        round(float(number) * 1000 ** (3 if unit == "GB" else 2))
        for number, unit in re.findall(r"([\d.]+) (.B)", sizes)
    ]
    requested = [
        {"name": f"board{n}", "memory": memory, "cores": CORES[cores], "takes": True}
        for n, memory in enumerate(memories)
    ]

    layout = sizing.processing_job_layout(requested, GB)

    assert limit == f"{layout['limit'] / 1e6:g} MB"
    assert reservation == f"{round(layout['reservation'] / 1e6, 1):g} MB"
    assert slots == ", ".join(map(str, layout["slots"].values()))
    assert chunks == str(layout["chunks"])


def test_documented_variables_are_those_of_the_role() -> None:
    known = yaml.safe_load((ROLE / "meta/argument_specs.yml").read_text())["argument_specs"]["main"]["options"]
    named = [re.match(r"`(\w+)", row[0]) for row in table("Variables")]

    assert {f"processing_job_{name[1]}" for name in named if name} <= known.keys()
    assert all(named)


@pytest.mark.parametrize("row", table("When something is wrong"), ids=lambda row: row[0][:40])
def test_documented_messages_are_those_of_role_and_swarm(row: list[str]) -> None:
    """The longest part of a message without a value in it is somewhere in the code, or was recorded."""
    sources = ("roles/processing_job", "scripts", "files/docker", "tests/driver/recordings")
    paths = [path for source in sources for path in (ROOT / source).rglob("*")]
    text = "\n".join(path.read_text() for path in paths if path.suffix in {".py", ".yml", ".json"})
    # As a message is read: on one line.
    text = re.sub(r"\s+", " ", re.sub(r'"\s*\n\s*f?"', "", text))
    parts = re.split(r"last time because|\.\.\.|\bboard\d\b|\b\d+\b|[()]|[,:]", row[0].strip("`"))

    assert max(parts, key=len).strip() in text
