"""The command `csvswarm`: a job on this machine, without Ansible.

csvswarm run data.csv --processor statistics --output results/demo
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

from csvswarm import __version__, cli
from csvswarm.errors import OptionError, printable
from csvswarm.local.api import Result, result_of
from csvswarm.local.commands import commands, remedy
from csvswarm.local.stages import USAGE, LocalJob, StageFailed, name_job
from csvswarm.runtime.script_process import INTERRUPTED, SCRIPTS, exit_immediately

DESCRIPTION = "Process a large CSV file in parallel on this machine. For boards, use run_job.yml."
EPILOG = """\
examples:
  csvswarm run flights.csv
  csvswarm run flights.csv --processor aggregate --options '{"group_by": ["carrier"], "metrics": {"dep_delay": "mean"}}'
  csvswarm run flights.csv --processor ./mine.py --file lookup.csv --output results/demo

All other options are those of a split:

"""
#: Options of the split that this command sets, or that are for boards.
_NOT_HERE = (
    *("-h", "--version", "--job", "--json", "--input", "--output", "--workers"),
    *("--plan", "--durable", "--split-of"),
)


def main() -> NoReturn:
    """Read the arguments, run the job, exit with the code of the scripts."""
    exit_immediately(_main())


def _main() -> int:
    words = sys.argv[1:]
    parser = argparse.ArgumentParser(prog="csvswarm", description=DESCRIPTION)
    parser.add_argument("--version", action="version", version=f"csvswarm {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    run = commands.add_parser(
        "run",
        help="run one job over one input (csvswarm run --help lists its options)",
        description=DESCRIPTION,
        epilog=EPILOG + _split_options() if {"-h", "--help"} & {*words} else None,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    run.add_argument("input", nargs="+", metavar="FILE", help="the CSV file, plain or compressed")
    run.add_argument("--output", type=Path, metavar="DIR", help="directory of the result (results/JOB_ID)")
    run.add_argument(
        "--job-id", metavar="ID", help="name of the job; an existing job is resumed (generated from the time)"
    )
    run.add_argument("--jobs", type=Path, default=Path("jobs"), metavar="DIR", help="directory of the jobs (jobs)")
    run.add_argument("--workers", default="auto", metavar="N", help="worker processes, or auto (auto)")
    run.add_argument("--json", action="store_true", help="print the summary as one JSON object")
    given, others = parser.parse_known_args(words)
    return _run(given, others)


def _run(given: argparse.Namespace, others: list[str]) -> int:
    try:
        job_id = name_job(given.job_id, incremental="--incremental" in others)
    except OptionError as error:
        return _report_failure(StageFailed(USAGE, error, ""))
    directory = given.jobs.expanduser().absolute() / job_id
    output = (given.output or Path("results", job_id)).expanduser().absolute()
    how = commands(given.input, others, job_id=job_id, jobs=given.jobs, output=given.output, workers=given.workers)
    job = LocalJob(directory, output, how)
    try:
        split_arguments = [*(f"--input={path}" for path in given.input), *others]
        done = job.run(split_arguments, given.workers, _processor(others))
    except StageFailed as failure:
        return _report_failure(failure, remedy(how))
    except KeyboardInterrupt:
        if cli.ERROR_FILE not in os.environ:
            print(f"Interrupted. Resume with: {how['resume']}", file=sys.stderr)
        return INTERRUPTED
    try:
        if given.json:
            print(json.dumps({"job_id": job_id, **done}))
        else:
            _print(result_of(job_id, directory, done), done["collect"])
        sys.stdout.flush()
    except BrokenPipeError:
        pass  # its reader has seen enough
    except OSError as error:
        return cli.report_error(
            f"the summary of the job cannot be printed: {error.strerror}. The result is in {output}."
        )
    return 0


def _processor(options: list[str]) -> str:
    """Return the processor in options of the split."""
    words = [word for option in options for word in option.split("=", 1)]
    return dict(itertools.pairwise(words)).get("--processor", "statistics")


def _report_failure(failure: StageFailed, advice: str = "") -> int:
    """Print the error, where the report of the failed job is, and what to do. Return the exit code."""
    if cli.ERROR_FILE in os.environ and failure.error is not None:
        print(failure, end="", file=sys.stderr)
        cli.report_error(str(failure.error), type(failure.error).__name__)
        return failure.code
    if failure.code == USAGE:
        print(f"csvswarm run: {failure.error} (csvswarm run --help lists the options)", file=sys.stderr)
    elif failure.error is None:
        print(f"{failure}A script ended with code {failure.code}. Please report this.", file=sys.stderr)
    else:
        print(f"{failure}{printable(str(failure.error))}", file=sys.stderr)
    if failure.report:
        print(f"report    {printable(failure.report)}", file=sys.stderr)
        print(printable(advice), file=sys.stderr)
    return failure.code


def _print(result: Result, collected: dict[str, object]) -> None:
    for warning in result.warnings:
        print(f"warning   {printable(warning)}")
    print(f"job       {result.job_id}")
    print(f"rows      {collected['rows_in']:,} in, {collected['rows_out']:,} out")
    if result.rejected:
        print(f"rejected  {printable(str(result.rejected))}")
    if result.report:
        print(f"report    {printable(str(result.report))}")
    print(f"result    {printable(str(result.path))}")


def _split_options() -> str:
    """Return the options of the split as its own help lists them, without those that do not apply here."""
    command = [sys.executable, str(SCRIPTS / "split_dataframe.py"), "--help"]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    entries: list[list[str]] = []
    for line in text.partition("options:\n")[2].partition("\n\n")[0].splitlines():
        if line.startswith("  -"):
            entries.append([])
        if entries:
            entries[-1].append(line)
    kept = [entry for entry in entries if entry[0].split()[0].rstrip(",") not in _NOT_HERE]
    return "\n".join(line for entry in kept for line in entry)
