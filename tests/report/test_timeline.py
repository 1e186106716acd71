"""The timeline of a job on boards: waiting, starting and working, and the stages that the control node knows."""

from __future__ import annotations

import json
import re
from pathlib import Path

from csvswarm.report.data import Material
from csvswarm.report.render import render

from tests.report.html_page import Page, page
from tests.report.records import attempt, record
from tests.support.jobs import SAMPLE, Scripts

CREATED = 1_780_000_010.0


def test_attempts_that_are_queued_together_share_the_lane_of_their_slot() -> None:
    """Four chunks on a board with one slot, each of which has it for 2 s of starting and 4 s of work."""
    attempts = [
        attempt(n + 1, start=3 + 7 * n, took=4.0, queued=CREATED, launched=CREATED + 1 + 7 * n) for n in range(4)
    ]

    html = render(Material(record(attempts), Path()))

    found = Page(html)
    [lane] = [attributes for tag, attributes in found.elements if "data-lane" in attributes]
    assert lane["aria-label"] == "board1, slot 1: 4 attempts"
    # From 2 s before the split ended to 2 s after the last chunk: 2000 units for 32 s.
    lanes = html.partition('<ul class="legend"')[0]
    drawn = {
        name: re.findall(r"M(\d+) \d+h(\d+)", path)
        for name, path in re.findall(r'<path class="(\w+)" d="(.*?)"', lanes)
    }
    assert [int(left) for left, _ in drawn["waiting"]] == [125, 562, 1000, 1438]
    assert [int(left) for left, _ in drawn["starting"]] == [188, 625, 1062, 1500]
    assert [int(left) for left, _ in drawn["done"]] == [312, 750, 1188, 1625]
    assert "waiting for a board" in found.words
    data = json.loads(re.findall(r'id="data">(.*?)</script>', html)[0])
    assert [one[-2:] for one in data["attempts"]] == [[1, 2], [8, 2], [15, 2], [22, 2]]


def test_local_attempts_wait_for_no_board() -> None:
    html = render(Material(record([attempt(1), attempt(2, start=1.0)]), Path()))

    assert '<path class="waiting"' not in html
    assert "waiting for a board" not in Page(html).text


def test_stages_of_the_control_node_are_drawn_in_order(tmp_path: Path) -> None:
    scripts = Scripts(tmp_path)
    scripts.all(SAMPLE, "--chunks", "2")
    recorded = json.loads((scripts.output / "job.json").read_text())
    began, ended = recorded["stages"][0]["started"], recorded["ended"]
    stages = [["fetch", ended + 1, ended + 4], ["prepare", began - 9, began - 6], ["send", began - 6, began - 1]]

    scripts.report("--output", scripts.output, "--stages", json.dumps(stages))

    rows = re.findall(r"(\w+) · ([\d.]+ m?s)", page(scripts.output).words)
    assert [name for name, _ in rows] == ["prepare", "send", "split", "process", "collect", "fetch"]
    assert (rows[0][1], rows[1][1], rows[5][1]) == ("3.00 s", "5.00 s", "3.00 s")
    # The figures are those that the user waited for.
    waited = {"prepare": 3.2, "process": 7, "fetch": 3.3}
    scripts.report("--output", scripts.output, "--seconds", json.dumps(waited))
    assert "time13.5 s" in page(scripts.output).words
    # Without them, the page is as before: they are not part of the record.
    scripts.report("--output", scripts.output)
    assert "prepare ·" not in page(scripts.output).words
