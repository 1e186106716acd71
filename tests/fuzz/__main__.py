"""Fuzz for long: `make fuzz`.

    python -m tests.fuzz --cases 1000000 --seed 1

Each target runs in its own process under atheris, which searches for bytes that reach new code; only the vocabulary of
cases.py comes from hypothesis. A failing case is saved in .fuzz/ and ends its target; the exit code is then 1.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
FOUND = ROOT / ".fuzz"
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT / "scripts")}
#: Maximum number of cases per process, because atheris does not free memory.
PART = 50_000
#: Targets and their share of the cases: expensive ones have fewer.
SHARES = {
    "scan": 45,
    "normalize": 5,
    "cut": 25,
    "ranges": 10,
    "read": 10,
    "like_pandas": 3,
    "expression": 1,
    "paths": 1,
}


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--cases", type=int, default=1_000_000, help="how many in all (1000000)")
    parser.add_argument("--seed", type=int, default=1, help="where the random numbers start (1)")
    parser.add_argument("--target", choices=SHARES, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.target:
        fuzz(arguments.target, arguments.cases, arguments.seed)
        return 0
    FOUND.mkdir(exist_ok=True)
    done, failed = 0, []
    for target, share in SHARES.items():
        count = arguments.cases * share // 100
        started, ran, message = time.monotonic(), 0, ""
        while ran < count and not message:
            more, message = run(target, min(PART, count - ran), arguments.seed + ran // PART)
            ran += more
        done += ran
        failed += [target] * bool(message)
        print(f"fuzz: {target}: {ran} cases in {time.monotonic() - started:.0f} s{message}", flush=True)
    print(f"fuzz: {done} cases in all, {len(failed)} of {len(SHARES)} targets failed")
    return 1 if failed else 0


def run(target: str, count: int, seed: int) -> tuple[int, str]:
    """Run a target in its own process. Return (number of cases, error)."""
    command = [sys.executable, "-m", "tests.fuzz", "--target", target, "--cases", str(count), "--seed", str(seed)]
    if target == "paths":  # without coverage guidance: whole inputs are random enough
        command = [sys.executable, "-m", "tests.fuzz.paths", "--cases", str(count), "--seed", str(seed * PART)]
    log = FOUND / f"{target}.log"
    with log.open("w") as file:
        subprocess.run(command, cwd=ROOT, env=ENVIRONMENT, check=False, stdout=file, stderr=subprocess.STDOUT)
    output = log.read_text(errors="replace")
    if ended := re.search(r"^Done (\d+) runs? in", output, re.MULTILINE):
        return int(ended[1]), ""
    counts = [int(number) for number in re.findall(r"^#(\d+)\t", output, re.MULTILINE)]
    return max(counts, default=0), f"; it FAILED, see {log.relative_to(ROOT)}"


def fuzz(target: str, count: int, seed: int) -> None:
    """Run a target under atheris in this process, which it ends."""
    import atheris

    with atheris.instrument_imports(include=["csvswarm"]):
        from tests.fuzz import targets
        from tests.fuzz.cases import STRUCTURE, VALUES

    provider = atheris.FuzzedDataProvider

    def wild(data: atheris.FuzzedDataProvider) -> bytes:
        """Return random bytes or pieces of CSV."""
        if data.ConsumeBool():
            return bytes(data.ConsumeBytes(data.ConsumeIntInRange(0, 120)))
        columns = data.ConsumeIntListInRange(data.ConsumeIntInRange(0, 60), 0, len(STRUCTURE) - 1)
        return "".join(STRUCTURE[column] for column in columns).encode()

    def table(data: atheris.FuzzedDataProvider) -> tuple[bytes, int]:
        """Return rows of a few values, or arbitrary bytes."""
        width = data.ConsumeIntInRange(1, 3)
        if data.ConsumeIntInRange(0, 3) == 0:
            return wild(data), width
        words = [VALUES[data.ConsumeIntInRange(0, len(VALUES) - 1)] for _ in range(data.ConsumeIntInRange(1, 5))]
        end = ("\n", "\r\n", "\r")[data.ConsumeIntInRange(0, 2)]
        rows = data.ConsumeIntInRange(0, 10)
        picked = data.ConsumeIntListInRange(rows * width, 0, len(words) - 1)
        lines = [",".join(words[index] for index in picked[row * width : (row + 1) * width]) for row in range(rows)]
        return (end.join(lines) + end * data.ConsumeBool()).encode(), width

    def small(data: atheris.FuzzedDataProvider) -> int:
        size: int = data.ConsumeIntInRange(1, 40)
        return size

    cases: dict[str, Callable[[atheris.FuzzedDataProvider], None]] = {
        "scan": lambda data: targets.scan(wild(data), small(data)),
        "normalize": lambda data: targets.normalize(wild(data), small(data), 1 + small(data) % 4),
        "cut": lambda data: targets.cut(wild(data), small(data), small(data), small(data)),
        "ranges": lambda data: targets.ranges(b"a,b\n" + wild(data), small(data), small(data), small(data)),
        "read": lambda data: targets.read(*table(data), small(data)),
        "like_pandas": lambda data: targets.like_pandas(*table(data)),
        "expression": lambda data: targets.expression(random_expression(data)),
    }

    options = [f"-runs={count}", f"-seed={seed}", "-max_len=512", "-print_final_stats=0", "-rss_limit_mb=0"]
    if target == "expression":  # expensive cases are few, so make them long from the start
        options.append("-len_control=0")
    atheris.Setup(
        [sys.argv[0], *options, f"-artifact_prefix={FOUND}/{target}-"], lambda data: cases[target](provider(data))
    )
    atheris.Fuzz()


def random_expression(data: Any, depth: int = 0) -> str:
    """Return columns, operators and calls, or parts of them in any order. data: a FuzzedDataProvider."""
    from tests.unit.expressions.expression_cases import CALLS, LEAVES, PIECES, SIGNS

    def any_of(words: list[str]) -> str:
        index: int = data.ConsumeIntInRange(0, len(words) - 1)
        return words[index]

    shape = data.ConsumeIntInRange(0, 3 if depth < 4 else 0)
    if shape == 1:
        return f"({random_expression(data, depth + 1)} {any_of(SIGNS)} {random_expression(data, depth + 1)})"
    if shape == 2:
        return any_of(CALLS).replace("{0}", f"({random_expression(data, depth + 1)})")
    if shape == 3:
        return "".join(any_of([*PIECES, *LEAVES]) for _ in range(data.ConsumeIntInRange(1, 8)))
    return any_of(LEAVES)


if __name__ == "__main__":
    sys.path[:0] = [str(ROOT / "scripts")]
    sys.exit(main())
