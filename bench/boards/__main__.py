"""Compare jobs on the boards of the lab with GNU parallel, and print a table: `make bench-boards`.

Every contender runs the same five lines of pandas on the same files, in turns, and the answers are compared. The times
are those of a user: from the command to the result on this machine. The boards already have the image and pandas.
"sent" includes the transfer of the input, which GNU parallel repeats on every run; "warm" is the same job when its
input is already on the share.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from bench.boards.contenders import Job, Parallel, lab
from bench.boards.one_board import one_board
from bench.boards.timing import ROOT, BenchError
from bench.files import File, data_file, size_of

_SIZES = "2.5MB,65MB,250MB"
Times = dict[tuple[int, str], list[float]]


def main() -> int:
    """Return 0; 1 after a message on standard error."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--scenario", default="default", help="the lab's scenario (default)")
    parser.add_argument("--sizes", default=_SIZES, help=f"sizes of the files ({_SIZES})")
    parser.add_argument("--rounds", type=int, default=2, help="how many times each is measured (2)")
    parser.add_argument("--only", choices=("lab", "one-board"), help="measure these only")
    arguments = parser.parse_args()
    sizes = [_bytes(size) for size in arguments.sizes.split(",")]
    times: Times = defaultdict(list)
    try:
        with tempfile.TemporaryDirectory(prefix="bench-boards-", dir=_work()) as directory:
            place = Path(directory)
            if arguments.only != "one-board":
                _on_the_lab(arguments.scenario, sizes, arguments.rounds, place, times)
            if arguments.only != "lab":
                _on_this_machine(sizes, arguments.rounds, place, times)
    except BenchError as error:
        print(f"bench-boards: {error}", file=sys.stderr)
        return 1
    finally:
        print(_table(times))
    return 0


def _work() -> Path:
    path = ROOT / "bench/work"
    path.mkdir(exist_ok=True)
    return path


def _bytes(text: str) -> int:
    number, unit = text[:-2], text[-2:]
    return round(float(number) * size_of(f"1{unit}"))


def _on_the_lab(scenario: str, sizes: Sequence[int], rounds: int, place: Path, times: Times) -> None:
    inventories, parallel = lab(scenario)
    if not shutil.which("parallel"):
        raise BenchError("GNU parallel is not installed; on Debian and Ubuntu: sudo apt-get install parallel")
    boards = Job("csvswarm on the boards", inventories, "swarm")
    print(f"bench-boards: installing pandas on {', '.join(board.name for board in parallel.boards)}", flush=True)
    parallel.install(inventories)
    _warm_up(boards, place)
    for size in sizes:
        for number in range(rounds):
            source = _file(place, size, number)
            _measure(boards, parallel, source, place, times, size)


def _measure(boards: Job, parallel: Parallel, source: Path, place: Path, times: Times, size: int) -> None:
    """Measure both with a file that no board has seen, and csvswarm also with the file on its share."""
    sent, result = boards.run(source, place, f"sent-{source.stem}")
    peers, expected = parallel.run(source, place, f"parallel-{source.stem}")
    warm, repeated = boards.run(source, place, f"warm-{source.stem}")
    _compare(expected, result)
    _compare(result, repeated)
    for name, waited in ((f"{boards.name}, sent", sent), (f"{boards.name}, warm", warm), (parallel.name, peers)):
        times[size, name].append(waited)
        print(f"bench-boards: {size / 1e6:g} MB, {name}: {waited:.1f} s", flush=True)


def _on_this_machine(sizes: Sequence[int], rounds: int, place: Path, times: Times) -> None:
    local = Job("local engine", [], "local")
    with one_board(place) as board:
        _warm_up(board, place)
        for size in sizes:
            source = _file(place, size, 0)
            # The input is on the share from then on, as it is on this machine.
            board.run(source, place, f"first-{source.stem}")
            for number in range(rounds):
                alone, expected = local.run(source, place, f"local-{source.stem}-{number}")
                waited, result = board.run(source, place, f"board-{source.stem}-{number}")
                _compare(expected, result)
                times[size, local.name].append(alone)
                times[size, f"{board.name}, warm"].append(waited)
                print(f"bench-boards: {size / 1e6:g} MB, {board.name} {waited:.1f} s, local {alone:.1f} s", flush=True)


def _warm_up(job: Job, place: Path) -> None:
    """Run a small job, so that boards have the image."""
    source = _file(place, 200_000, 0)
    first, _ = job.run(source, place, f"warm-up-{job.engine}-{len(job.inventories)}")
    print(f"bench-boards: {job.name}: first job with the image {first:.1f} s", flush=True)


def _file(place: Path, size: int, number: int) -> Path:
    """Return a file with unique content: the generated one without its last records."""
    path = place / f"data-{size}-{number}.csv"
    if not path.exists():
        data = data_file(File("flat"), size).read_bytes()
        for _ in range(number + 1):
            data = data[: data.rindex(b"\n", 0, len(data) - 1) + 1]
        path.write_bytes(data)
    return path


def _compare(expected: Path, result: Path) -> None:
    try:
        pd.testing.assert_frame_equal(pd.read_csv(expected), pd.read_csv(result), check_exact=True)
    except AssertionError as error:
        raise BenchError(f"{expected} and {result} differ: {error}") from None


def _table(times: Times) -> str:
    """Return a Markdown table: median and all seconds, and the ratio to the first row of that size."""
    rows = ["| file | what | seconds, median | all | ratio |", "| ---: | --- | ---: | --- | ---: |"]
    base: dict[int, float] = {}
    for (size, name), waited in times.items():
        median = statistics.median(waited)
        reference = base.setdefault(size, median)
        every = " ".join(f"{one:.1f}" for one in waited)
        rows.append(f"| {size / 1e6:g} MB | {name} | {median:.1f} | {every} | {median / reference:.2f} |")
    return "\n".join(rows)


if __name__ == "__main__":
    sys.exit(main())
