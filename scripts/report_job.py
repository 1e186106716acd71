#!/usr/bin/env python3
"""Write the report of a job, report.html: beside its result, or in its job directory when there is none."""

import argparse
import json
from pathlib import Path

from csvswarm import cli
from csvswarm.collect.deliver import take_failure
from csvswarm.collect.record import record_of_unfinished
from csvswarm.errors import JobError
from csvswarm.job.directory import JobDirectory
from csvswarm.job.durable_files import read_json, write_json
from csvswarm.job.lock import LOCK
from csvswarm.job.output_directory import MAX_REPORT_BYTES, REPORT
from csvswarm.job.permissions import PRIVATE, no_wider_than, permissions_of

EPILOG = """\
examples:
  report_job.py --job jobs/demo --output results/demo             of a job that is done
  report_job.py --job jobs/demo --error 'stopped after an hour'   of a job that failed or was stopped
"""


def main() -> int:
    """Read the arguments, do the work, return the exit code."""
    parser = cli.parser(__doc__, EPILOG)
    parser.add_argument("--output", type=Path, metavar="DIR", help="directory with the job.json to report on")
    parser.add_argument(
        "--failed", type=Path, metavar="FILE", help="with --output: move the record of a failed job on boards there"
    )
    parser.add_argument("--error", metavar="TEXT", help="the error that ended the job: report on its job directory")
    parser.add_argument(
        "--stages", default="[]", metavar="JSON", help="additional stages: a list of [name, start, end]"
    )
    parser.add_argument(
        "--seconds", default="{}", metavar="JSON", help="seconds of each stage as the user waited: an object by name"
    )
    parser.add_argument(
        "--commands",
        type=json.loads,
        metavar="JSON",
        help="the commands that repeat and resume the job: an object with both (those of run_job.yml)",
    )
    parser.add_argument("--remedy", default="", metavar="TEXT", help="the remedy in the report of a failed job")
    arguments = parser.parse_args()
    if bool(arguments.output) == (arguments.error is not None):
        parser.error("give --output or --error")
    return cli.run(lambda: _report(cli.job_from(arguments), arguments), as_json=arguments.json)


def _report(job: JobDirectory, arguments: argparse.Namespace) -> tuple[dict[str, object], str]:
    from csvswarm.report.data import gather
    from csvswarm.report.render import PAGE, write_report

    directory, logs = job.directory, None
    if arguments.output:
        directory = arguments.output.expanduser().absolute()
        if arguments.failed:
            logs = take_failure(job, arguments.failed, directory)
            if logs is None:
                return {"report": None}, f"{arguments.failed} does not exist: nothing to report"
        record = read_json(directory / REPORT, "rerun the job.", MAX_REPORT_BYTES) or {}
        if record.get("job_id") != job.job_id or record.get("status") not in ("done", "failed"):
            raise JobError(f"{directory} has no record of job {job.job_id}: run the job first, or name its output.")
        permissions = permissions_of(directory / REPORT)
    elif not (directory / LOCK).exists():
        return {"report": None}, f"{directory} is not a job directory: nothing to report"
    else:
        record = record_of_unfinished(job, arguments.error)
        manifest = job.manifest()
        permissions = manifest.permissions if manifest else PRIVATE
        with no_wider_than(permissions):
            write_json(directory / REPORT, record)
    material = gather(record, directory, job.logs_directory)
    material.remedy = arguments.remedy
    material.commands = arguments.commands
    names = ("name", "started", "ended")
    material.stages = [dict(zip(names, stage, strict=True)) for stage in json.loads(arguments.stages)]
    material.seconds = {str(name): float(took) for name, took in json.loads(arguments.seconds).items()}
    material.logs = logs or material.logs
    page = directory / PAGE
    with no_wider_than(permissions):
        write_report(material, page)
    return {"report": str(page)}, f"wrote {page}"


if __name__ == "__main__":
    cli.exit_immediately(main())
