"""Format the figures of a run as Markdown for docs/performance.md."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from typing import Any

from bench import bad_records
from bench.tools import DOOR, SCRIPTS
from bench.works import JOBS, WORKS

FLAT = " (file without line ends in fields)"
MEMORY_LIMIT = 200e6
FLATNESS = 1.15  # maximum ratio of the memory for the large file to that for the small one
BLOCKS_BYTES = 50e6  # smaller files have too few blocks to show a worker's peak
MB = 1e6

Row = dict[str, Any]


def markdown(figures: dict[str, Any]) -> str:
    """Return all tables of a run."""
    parts = [_about(figures)]
    for name, rows in figures["works"].items():
        parts.append(f"### {WORKS[name].title}\n\n{_table(rows)}\n\n{_in_words(rows)}")
    parts += [_memory(figures), _hostile(figures), bad_records.table(figures["bad_records"])]
    return "\n\n".join(parts) + "\n"


def _about(figures: dict[str, Any]) -> str:
    machine = figures["machine"]
    versions = ", ".join(f"{name} {number}" for name, number in figures["versions"].items())
    return (
        f"A file of {figures['bytes'] / MB:,.0f} MB. {figures['date']}, {machine['cpu']}, {machine['cores']} cores, "
        f"{machine['memory_gb']} GB, Linux {machine['kernel']}, load {machine['load_at_start']} at the start; "
        f"{JOBS} processes or threads for every tool; the whole run took {figures['seconds'] / 60:.0f} minutes.\n"
        f"{versions}."
    )


def _table(rows: list[Row]) -> str:
    ours = _median(rows[0], "seconds") if rows[0]["verdict"] == "right" else 0.0
    lines = []
    for row in rows:
        if not row["runs"] or row["verdict"] == "failed":
            lines.append([row["tool"], "", "", "", "", "", _answer(row)])
            continue
        seconds = _median(row, "seconds")
        figures = [f"{seconds:.2f}", f"{seconds / ours:.2f}" if ours else "", f"{_median(row, 'cpu_seconds'):.1f}"]
        memory = [f"{_peak(row, name) / MB:,.0f}" for name in ("peak_process", "peak_tree")]
        lines.append([row["tool"], *figures, *memory, _answer(row)])
    header = ["", "wall, s", "to csvswarm's", "CPU, s", "largest process, MB", "all processes, MB", "answer"]
    return _lines(header, lines)


def _in_words(rows: list[Row]) -> str:
    ours = _median(rows[0], "seconds") if rows[0]["verdict"] == "right" else 0.0
    text = []
    peers = [row for row in rows if row["verdict"] == "right" and not row["tool"].startswith(SCRIPTS)]
    if ours and peers:
        fastest = min(peers, key=lambda row: _median(row, "seconds"))
        ratio = ours / _median(fastest, "seconds")
        text.append(f"csvswarm takes {ratio:.2f} times as long as the fastest peer, {fastest['tool']}.")
    door = [row for row in rows if row["tool"] == DOOR and row["verdict"] == "right"]
    if ours and door:
        text.append(f"Ansible adds {_median(door[0], 'seconds') - ours:.1f} s to the scripts.")
    steps = list(zip(*(run["steps"] for run in rows[0]["runs"]), strict=False))
    if len(steps) == 3:
        split, process, collect = (statistics.median(step) for step in steps)
        text.append(f"Of csvswarm's time, split takes {split:.2f} s, process {process:.2f} s, collect {collect:.2f} s.")
    return " ".join(text)


def _memory(figures: dict[str, Any]) -> str:
    small, large = figures["small_bytes"], figures["bytes"]
    lines = []
    for name, row in figures["small"].items():
        main = figures["works"][name][0]
        if {row["verdict"], main["verdict"]} != {"right"}:
            lines.append([name, "", "", "", "no figure without a correct answer"])
            continue
        few, many = _peak(row, "peak_process"), _peak(main, "peak_process")
        flat = _mark(many <= few * FLATNESS) if small >= BLOCKS_BYTES else "too small to tell"
        lines.append([name, f"{few / MB:,.0f}", f"{many / MB:,.0f}", flat, _mark(many <= MEMORY_LIMIT)])
    header = ["", f"{small / MB:,.0f} MB file", f"{large / MB:,.0f} MB file", "flat", "at most 200 MB"]
    return f"### Memory of csvswarm's largest process, MB\n\n{_lines(header, lines)}"


def _hostile(figures: dict[str, Any]) -> str:
    first, second = figures["hostile"].values()
    expected = [max((row["expected"] or 0 for row in rows), default=0) for rows in (first, second)]
    lines = [
        [a["tool"], _right(a, expected[0], "rows"), _right(b, expected[1], "groups")]
        for a, b in zip(first, second, strict=True)
    ]
    size = figures["hostile_bytes"] / MB
    return (
        f"### Correct answers on the hostile file\n\n{size:,.0f} MB; 40 % of its records span lines, and "
        f"unquoted fields contain quotes.\n\n{_lines(['', 'map', 'aggregate'], lines)}"
    )


def _right(row: Row, expected: int, what: str) -> str:
    if row["verdict"] == "skipped":
        return _answer(row)
    count = f"{row['right'] or 0:,} of {expected:,} {what}"
    return count if row["verdict"] == "right" else f"**{count}**: {_answer(row)}"


def _answer(row: Row) -> str:
    detail = row["detail"].replace("|", "\\|")
    return f"{row['verdict']}: {detail}" if detail else str(row["verdict"])


def _median(row: Row, figure: str) -> float:
    return statistics.median(run[figure] for run in row["runs"]) if row["runs"] else 0.0


def _peak(row: Row, figure: str) -> float:
    return max((run[figure] for run in row["runs"]), default=0)


def _mark(good: bool) -> str:
    return "✓" if good else "✗"


def _lines(header: list[str], lines: Iterable[list[str]]) -> str:
    rule = ["---", *("---:" if name not in ("answer", "map", "aggregate") else "---" for name in header[1:])]
    return "\n".join("| " + " | ".join(line) + " |" for line in (header, rule, *lines))
