#!/usr/bin/env python3
"""Collect the partials of a job into one result file."""

import argparse
from pathlib import Path

from csvswarm import cli
from csvswarm.collect.deliver import deliver_result
from csvswarm.collect.run import collect
from csvswarm.input.many_files import FilesError, find_files
from csvswarm.job.directory import JobDirectory
from csvswarm.job.output_directory import check_output
from csvswarm.job.permissions import PRIVATE, common_permissions
from csvswarm.job.result_format import RESULT, RESULT_NAMES

EPILOG = """\
example:
  collect_results.py --job jobs/demo --output results/demo
"""


def main() -> int:
    """Read the arguments, do the work, return the exit code."""
    parser = cli.parser(__doc__, EPILOG)
    parser.add_argument(
        "--output", type=Path, required=True, metavar="DIR", help="directory for the result and job.json"
    )
    cli.add_plan_argument(parser)
    parser.add_argument("--check", action="store_true", help="only check whether a result can be written to --output")
    parser.add_argument(
        "--result", default=RESULT, choices=RESULT_NAMES, help="with --check: the name of the result (%(default)s)"
    )
    parser.add_argument(
        "--fetched", type=Path, metavar="DIR", help="move the result that boards collected in DIR to --output"
    )
    parser.add_argument(
        "--input",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="with --fetched: the input, as for the split; group and others get no more permissions on the result than "
        "on the input (default: none)",
    )
    arguments = parser.parse_args()
    return cli.run(lambda: _collect(cli.job_from(arguments), arguments), as_json=arguments.json)


def _collect(job: JobDirectory, arguments: argparse.Namespace) -> tuple[dict[str, object], str]:
    output = arguments.output.expanduser().absolute()
    if arguments.check:
        check_output(output, job.job_id, arguments.result)
        return {}, f"{output} can be written"
    if arguments.fetched:
        permissions = _permissions_of_input(arguments.input)
        return {"changed": deliver_result(job, arguments.fetched, output, permissions)}, f"the result is in {output}"
    job.require_manifest()
    planned: dict[str, object] = {}
    with job.locked():
        if arguments.plan and not job.done_path.exists():
            planned = cli.plan_next_round(job, job.require_manifest())
            if planned["round"] is not None:
                return planned, "chunks have to run first"
        collected = collect(job, output)
    return collected.to_json() | planned, "\n".join(
        [f"wrote {collected.rows_out} rows to {collected.result}", *map("warning: {}".format, collected.warnings)]
    )


def _permissions_of_input(given: list[Path]) -> int:
    try:
        files = find_files(given)
    except FilesError:
        return PRIVATE
    return common_permissions(files) if all(path.exists() for path in files) else PRIVATE


if __name__ == "__main__":
    cli.exit_immediately(main())
