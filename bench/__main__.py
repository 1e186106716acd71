"""`make bench`: run all tools on the same files, verify their answers and print tables."""

from __future__ import annotations

import argparse
import dataclasses
import json
import shutil
import sys
import time
from pathlib import Path
from typing import Any

from bench import bad_records, machine
from bench.files import DATA, RESULTS, WORK, data_file, size_of
from bench.report import FLAT, markdown
from bench.rounds import Judge, Row, call, one_run, run_tools
from bench.tools import SCRIPTS, Task, Tool, all_tools
from bench.works import AGGREGATE, HOSTILE_AGGREGATE, HOSTILE_MAP, MAP, Work

HOSTILE_SIZE = 50 * 10**6
BAD_SIZE = 30 * 10**6
REFERENCE_SIZE = 100 * 10**6
MEMORY_CHECK_DIVISOR = 10  # memory is also measured with a file of a tenth of the size


class Bench:
    """One run of the benchmark."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._tools = all_tools()
        self._directory = WORK / "run"

    def run(self) -> dict[str, Any]:
        """Run the benchmark and return its figures."""
        began = time.monotonic()
        about = {"date": machine.today(), "machine": machine.machine(), "versions": machine.versions()}
        for tool in self._tools:
            if tool.missing:
                print(f"bench: {tool.name} is skipped: {tool.missing}")
        self._warm_up()
        source = data_file("main", self._size)
        small = data_file("main", self._size // MEMORY_CHECK_DIVISOR)
        works = {work.name: self._rows(work, source) for work in (MAP, AGGREGATE)}
        memory = {work.name: self._small(work, small) for work in (MAP, AGGREGATE)}
        hostile_source = data_file("hostile", min(HOSTILE_SIZE, self._size))
        hostile = {work.name: self._hostile(work, hostile_source) for work in (HOSTILE_MAP, HOSTILE_AGGREGATE)}
        bad = bad_records.measure(data_file("flat", min(BAD_SIZE, self._size)), self._directory)
        return {
            **about,
            "bad_records": bad,
            "bytes": source.stat().st_size,
            "small_bytes": small.stat().st_size,
            "hostile_bytes": hostile_source.stat().st_size,
            "works": {name: [dataclasses.asdict(row) for row in rows] for name, rows in works.items()},
            "small": {name: dataclasses.asdict(row) for name, row in memory.items()},
            "hostile": {name: [dataclasses.asdict(row) for row in rows] for name, rows in hostile.items()},
            "seconds": round(time.monotonic() - began),
        }

    def _warm_up(self) -> None:
        """Run every tool once, so that no measured run compiles modules or reads a cold disk."""
        source = data_file("main", 1000)
        for tool in self._tools:
            if not tool.missing:
                one_run(tool, Task(MAP, source, self._directory), Judge(MAP), Row(tool.name))

    def _reference(self, work: Work, source: Path) -> Path | None:
        """Return the answer of an independent implementation; None for maps of large files, for lack of memory."""
        if work is MAP and source.stat().st_size > REFERENCE_SIZE * 1.1:
            return None
        truth = WORK / f"truth-{work.name}.csv"
        truth.parent.mkdir(parents=True, exist_ok=True)
        call("bench.reference", work.name, str(source), str(truth))
        return truth

    def _rows(self, work: Work, source: Path) -> list[Row]:
        judge = Judge(work, self._reference(work, source))
        rows = run_tools(work, source, self._tools, judge, self._directory)
        return [*rows, *self._second_chance(work, [row for row in rows if row.verdict in ("wrong", "failed")])]

    def _second_chance(self, work: Work, bad: list[Row]) -> list[Row]:
        """Rerun tools with wrong answers on a file without line ends inside fields, for a time to compare."""
        retried = [tool for tool in self._tools if tool.name in {row.tool for row in bad} and not tool.ours]
        if not retried:
            return []
        flat = data_file("flat", self._size)
        tools = [dataclasses.replace(tool, quick=False) for tool in (self._ours, *retried)]
        rows = run_tools(work, flat, tools, Judge(work, self._reference(work, flat)), self._directory)
        for row in rows:
            row.tool += FLAT
        return rows

    def _small(self, work: Work, small: Path) -> Row:
        row = Row(SCRIPTS)
        one_run(self._ours, Task(work, small, self._directory), Judge(work, self._reference(work, small)), row)
        return row

    def _hostile(self, work: Work, source: Path) -> list[Row]:
        tools = [dataclasses.replace(tool, quick=False) for tool in self._tools if tool.hostile]
        return run_tools(work, source, tools, Judge(work, self._reference(work, source)), self._directory)

    @property
    def _ours(self) -> Tool:
        return self._tools[0]


def main() -> int:
    """Read the arguments, run the benchmark, write and print the tables."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--size", type=size_of, default=size_of("1GB"), help="size of the file, like 100MB (1GB)")
    parser.add_argument("--keep", action="store_true", help="keep the data for the next run")
    arguments = parser.parse_args()
    try:
        figures = Bench(arguments.size).run()
    finally:
        shutil.rmtree(WORK, ignore_errors=True)
        if not arguments.keep:
            shutil.rmtree(DATA, ignore_errors=True)
    table = markdown(figures)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "bench.json").write_text(json.dumps(figures, indent=1) + "\n")
    (RESULTS / "bench.md").write_text(table)
    print(f"\n{table}\nbench: written to bench/results/bench.md, with all figures in bench.json")
    return 0


if __name__ == "__main__":
    sys.exit(main())
