"""Plot the figures of bench.plots: `python -m bench.draw {by-size,by-chunks} CSV SVG`."""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib import pyplot as plt
from matplotlib.ticker import FuncFormatter, NullFormatter

from bench.questions import AGGREGATE, MAP
from bench.tools import CSVSWARM

WORKS = {MAP.name: "map", AGGREGATE.name: "aggregate"}
COLOURS = {CSVSWARM: "#0b6e4f", "DuckDB": "#c77700", "Polars": "#2a5db0"}
MARKERS = {CSVSWARM: "o", "DuckDB": "s", "Polars": "^"}
LIMIT_MB = 200

Points = list[dict[str, str]]


def draw(name: str, points: Points) -> Any:
    """Return the figure: time above memory, with a column of panels per work."""
    figure, panels = plt.subplots(2, 2, figsize=(9, 6.4), sharex=True, sharey="row", layout="constrained")
    across, label = ("bytes", "size of the input") if name == "by-size" else ("chunks", "number of chunks")
    for (work, title), (time, memory) in zip(WORKS.items(), panels.T, strict=True):
        time.set_title(title)
        for tool, colour in COLOURS.items():
            own = [point for point in points if (point["work"], point["tool"]) == (work, tool)]
            if own:
                x = [float(point[across]) for point in own]
                style = {"color": colour, "marker": MARKERS[tool], "markersize": 4}
                time.plot(x, [float(point["seconds"]) for point in own], label=tool, **style)
                total = [float(point["peak_tree"]) / 1e6 for point in own]
                memory.plot(x, total, label=f"{tool}, all processes", **style)
                if tool == CSVSWARM:
                    largest = [float(point["peak_process"]) / 1e6 for point in own]
                    memory.plot(x, largest, label=f"{tool}, largest process", linestyle="--", **style)
        memory.axhline(LIMIT_MB, color="#999999", linewidth=1, linestyle=":", label=f"{LIMIT_MB} MB")
        memory.set_xlabel(label)
        for panel in (time, memory):
            panel.set_xscale("log")
            panel.grid(visible=True, color="#e4e4e4", linewidth=0.6)
            panel.spines[["top", "right"]].set_visible(False)
    _label(panels, name)
    return figure


def _label(panels: Any, name: str) -> None:
    (time, _), (memory, _) = panels
    time.set_ylabel("wall time, s")
    memory.set_ylabel("peak memory, MB")
    if name == "by-size":
        for panel in (time, memory):
            panel.set_yscale("log")
            panel.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:g}"))
            panel.yaxis.set_minor_formatter(NullFormatter())
        text = FuncFormatter(lambda x, _: f"{x / 1e9:g} GB" if x >= 1e9 else f"{x / 1e6:g} MB")
    else:
        for panel in (time, memory):
            panel.set_ylim(bottom=0)
        text = FuncFormatter(lambda x, _: f"{x:,.0f}")
    memory.xaxis.set_major_formatter(text)
    memory.xaxis.set_minor_formatter(NullFormatter())
    for panel in (time, memory):
        panel.legend(frameon=False, fontsize=8)


def main() -> None:
    """Write one plot."""
    name, source, output = sys.argv[1:]
    mpl.use("svg")
    mpl.rcParams.update({"svg.hashsalt": "csvswarm", "svg.fonttype": "none", "font.size": 9})
    with Path(source).open(encoding="utf-8", newline="") as file:
        figure = draw(name, list(csv.DictReader(file)))
    figure.savefig(output, metadata={"Date": None})


if __name__ == "__main__":
    main()
