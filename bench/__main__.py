"""`make bench`: run the same queries on the same files in all tools, verify the answers and print tables."""

from __future__ import annotations

import argparse
import dataclasses
import json
import random
import shutil
import sys
import time
from pathlib import Path
from typing import Any

from bench import bad_records, machine
from bench.files import DATA, RESULTS, WORK, File, data_file, size_of
from bench.question import Question
from bench.questions import MAP, QUESTIONS, parameters
from bench.report import markdown
from bench.runs import compare
from bench.tools import CSVSWARM, Task, Tool, all_tools

BAD_SIZE = 30 * 10**6


def measure(size: int, seed: int, rounds: int, chosen: list[Question], tools: list[Tool]) -> dict[str, Any]:
    """Return the figures of a run. Bad records are measured if all questions are chosen."""
    began = time.monotonic()
    about = {"date": machine.today(), "machine": machine.machine(), "versions": machine.versions()}
    directory = WORK / "run"
    directory.parent.mkdir(parents=True, exist_ok=True)
    compare(tools, Task(MAP, data_file(File("main"), 1000), directory), 1)  # so that no measured run compiles modules
    questions = {}
    for question in chosen:
        filled = question.with_parameters(parameters(seed))
        rows = compare(tools, Task(filled, data_file(question.file, size), directory), rounds)
        questions[question.name] = [dataclasses.asdict(row) for row in rows]
    bad = []
    if len(chosen) == len(QUESTIONS):
        bad = bad_records.measure(data_file(File("flat"), min(BAD_SIZE, size)), directory)
    return {
        **about,
        "seed": seed,
        "bytes": size,
        "questions": questions,
        "bad_records": bad,
        "seconds": round(time.monotonic() - began),
    }


def main() -> int:
    """Read the arguments, run the benchmark, write and print the tables."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--size", type=size_of, default=size_of("100MB"), help="size of the files, like 10MB (100MB)")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6), help="seed of parameters (a new one)")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each question in each tool (3)")
    parser.add_argument("--only", default="", help="run only questions whose name contains one of these texts")
    parser.add_argument("--peers", default="Polars,DuckDB,pandas", help="compare with tools of these names")
    parser.add_argument("--keep", action="store_true", help="keep the data for the next run")
    arguments = parser.parse_args()
    chosen = [question for question in QUESTIONS if any(one in question.name for one in arguments.only.split(","))]
    if not chosen:
        parser.error(f"no question's name contains {arguments.only!r}")
    ours, *others = all_tools()
    peers = [tool for tool in others if tool.name.partition(",")[0] in [CSVSWARM, *arguments.peers.split(",")]]
    print(f"bench: seed {arguments.seed}", flush=True)
    try:
        figures = measure(arguments.size, arguments.seed, arguments.rounds, chosen, [ours, *peers])
    finally:
        shutil.rmtree(WORK, ignore_errors=True)
        if not arguments.keep:
            shutil.rmtree(DATA, ignore_errors=True)
    table = markdown(figures)
    _save(table, figures)
    print(f"\n{table}\nbench: written to bench/results/bench.md, with all figures in bench.json")
    return 0


def _save(table: str, figures: dict[str, Any]) -> None:
    RESULTS.mkdir(exist_ok=True)
    Path(RESULTS / "bench.json").write_text(json.dumps(figures, indent=1) + "\n")
    Path(RESULTS / "bench.md").write_text(table)


if __name__ == "__main__":
    sys.exit(main())
