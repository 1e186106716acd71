"""Format the figures of a run as Markdown."""

from __future__ import annotations

import math
from typing import Any

from bench import bad_records
from bench.tools import CSVSWARM, DOOR, JOBS

MB = 1e6
FIGURES = {"seconds": "wall", "cpu_seconds": "CPU"}

Row = dict[str, Any]


def markdown(figures: dict[str, Any]) -> str:
    """Return all tables of a run."""
    parts = [_about(figures), _table(figures["questions"]), _summary(figures["questions"])]
    if notes := _notes(figures["questions"]):
        parts.append(notes)
    if figures["bad_records"]:
        parts.append(bad_records.table(figures["bad_records"]))
    return "\n\n".join(parts) + "\n"


def _about(figures: dict[str, Any]) -> str:
    machine = figures["machine"]
    versions = ", ".join(f"{name} {number}" for name, number in figures["versions"].items())
    return (
        f"Files of {figures['bytes'] / MB:,.0f} MB, seed {figures['seed']}. {figures['date']}, {machine['cpu']}, "
        f"{machine['cores']} cores, {machine['memory_gb']} GB, Linux {machine['kernel']}, load "
        f"{machine['load_at_start']} at the start; {JOBS} processes or threads for every tool; the whole run took "
        f"{figures['seconds'] / 60:.0f} minutes.\n{versions}."
    )


def _table(questions: dict[str, list[Row]]) -> str:
    peers = list(dict.fromkeys(row["tool"] for rows in questions.values() for row in rows if row["tool"] != CSVSWARM))
    lines = []
    for name, rows in questions.items():
        ours, *others = rows
        of = {row["tool"]: row for row in others}
        cells = [_cell(of.get(peer)) for peer in peers]
        ratios = [_ratio(ours, others, figure) for figure in FIGURES]
        lines.append([name, _cell(ours), *cells, *(f"{one:.2f}" if one else "" for one in ratios), _peak(ours)])
    header = ["wall s / CPU s", CSVSWARM, *peers, "wall to the fastest", "CPU to the fastest", "csvswarm's largest, MB"]
    rule = ["---", *("---:" for _ in header[1:])]
    return "\n".join("| " + " | ".join(line) + " |" for line in (header, rule, *lines))


def _cell(row: Row | None) -> str:
    if row is None or not row["runs"] or row["verdict"] == "failed":
        return "" if row is None else "failed"
    mark = "" if row["verdict"] == "equal" else "*"
    return f"{least(row, 'seconds'):.2f} / {least(row, 'cpu_seconds'):.2f}{mark}"


def _peak(row: Row) -> str:
    return f"{max((run['peak_process'] for run in row['runs']), default=0) / MB:,.0f}"


def least(row: Row, figure: str) -> float:
    """Return the smallest figure of all runs of a tool."""
    return min(float(run[figure]) for run in row["runs"])


def _ratio(ours: Row, others: list[Row], figure: str) -> float | None:
    """Return csvswarm's figure by the best one of peers with an equal answer; None without one."""
    best = [least(row, figure) for row in others if row["verdict"] == "equal" and row["tool"] != DOOR]
    return least(ours, figure) / min(best) if best and ours["verdict"] == "equal" else None


def _summary(questions: dict[str, list[Row]]) -> str:
    lines = []
    for figure, title in FIGURES.items():
        ratios = {name: ratio for name, (ours, *others) in questions.items() if (ratio := _ratio(ours, others, figure))}
        if ratios:
            mean = math.exp(sum(map(math.log, ratios.values())) / len(ratios))
            worst = max(ratios, key=ratios.__getitem__)
            lines.append(
                f"{title} to the fastest peer: geometric mean {mean:.2f} of {len(ratios)} questions, worst "
                f"{ratios[worst]:.2f} ({worst})."
            )
    return "\n".join(lines)


def _notes(questions: dict[str, list[Row]]) -> str:
    return "\n".join(
        f"- {name}, {row['tool']}: {row['verdict']}: {row['detail']}"
        for name, rows in questions.items()
        for row in rows
        if row["verdict"] != "equal"
    )
