#!/usr/bin/env python3
"""Split a CSV file into chunks of whole records, in a job directory."""

import argparse
from pathlib import Path

from csvswarm import cli
from csvswarm.job.directory import JobDirectory
from csvswarm.job.manifest import Manifest
from csvswarm.job.output_directory import check_output
from csvswarm.job.rejections import MAX_REJECTED
from csvswarm.job.result_format import FORMATS, result_name
from csvswarm.runtime import resources
from csvswarm.split.layout_options import (
    count_option,
    date_format_option,
    header_option,
    partition_option,
    yes_or_no,
)
from csvswarm.split.run import Request, split

EPILOG = """\
example:
  split_dataframe.py --job jobs/demo --input flights.csv --processor statistics --chunks 6

A job directory that already contains the same split is not changed.
"""


def main() -> int:
    """Read the arguments, do the work, return the exit code."""
    parser = cli.parser(__doc__, EPILOG)
    add = parser.add_argument
    _add_input(parser)
    add("--output", type=Path, metavar="DIR", help="output directory, checked before the split")
    add("--processor", default="statistics", help="a built-in processor or a Python file (statistics)")
    add("--options", metavar="JSON", help="the processor's options, as a JSON object")
    add("--chunks", default="auto", metavar="N", help="number of chunks, or auto (auto)")
    add("--workers", default="auto", metavar="N", help="processes to plan for and to scan with, or auto (auto)")
    add("--on-error", default="fail", metavar="WHAT", help="fail or quarantine, for bad records (fail)")
    add(
        "--max-rejected",
        default=MAX_REJECTED,
        metavar="N|P%",
        help="with quarantine, stop when more records are bad (%(default)s)",
    )
    add("--limit", default="none", metavar="N", help="process the first N records only, to try a processor (none)")
    add("--split-of", type=Path, metavar="DIR", help="reuse the chunks of this job over the same input, if possible")
    add(
        "--mode", default="auto", choices=("auto", "ranges", "files"), help="ranges of the input, or chunk files (auto)"
    )
    add("--delimiter", help="separator of fields: a character, tab, or whitespace for runs of blanks (detected)")
    add("--quotechar", help='quote character; empty for none (")')
    add("--header", metavar="WHAT", help="true, false, or the names of the columns as a JSON list (detected)")
    add("--skip-lines", metavar="N", help="lines before the header or the first record (detected)")
    add("--comment", help="start of lines that are not records; empty for none (detected)")
    add("--escape", help="escape character; empty for none (detected)")
    add("--trailing-delimiter", metavar="WHAT", help="true or false: whether records end with a delimiter (detected)")
    add("--decimal", help="the character before the fraction of numbers (detected)")
    add("--thousands", help="the character between thousands; empty for none (detected)")
    add("--date-format", metavar="FORMAT", help="format of timestamps, like %%d.%%m.%%Y, or a JSON object by column")
    add("--encoding", default="utf-8", help="text encoding of the input (utf-8)")
    add("--column-types", metavar="JSON", help='types of columns, like {"zip": "text"}')
    add("--null-values", metavar="JSON", help='spellings of missing values, like ["-"]')
    add(
        "--durable",
        action="store_true",
        help="sync partials to disk before committing them, for boards that may lose power",
    )
    add("--output-format", default="csv", metavar="FORMAT", help=f"format of the result: {', '.join(FORMATS)} (csv)")
    add("--partition-by", metavar="JSON", help='columns whose values divide the result into files, like ["carrier"]')
    add("--file", type=Path, action="append", default=[], metavar="PATH", help="a file for the processor; may repeat")
    add("--requirements", type=Path, metavar="FILE", help="packages for the processor, in pip's format")
    add("--strict", action="store_true", help="warnings are errors")
    cli.add_plan_argument(parser)
    arguments = parser.parse_args()
    return cli.run(lambda: _split(cli.job_from(arguments), arguments), as_json=arguments.json)


def _add_input(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "--input",
        type=Path,
        action="append",
        required=True,
        metavar="FILE",
        help="CSV or TSV file, plain or compressed; a folder, or a pattern like '2024-*.csv'; may be repeated",
    )
    add("--union", action="store_true", help="the files may lack columns, which are then missing")
    add("--incremental", action="store_true", help="process only the files that an earlier run of the job has not seen")
    add("--source-file", action="store_true", help="add a column with the name of each record's file")


def _split(job: JobDirectory, arguments: argparse.Namespace) -> tuple[dict[str, object], str]:
    output = arguments.output.expanduser().absolute() if arguments.output else None
    request = Request(
        input=arguments.input,
        processor=arguments.processor,
        options=cli.json_value("options", arguments.options, dict),
        chunks=resources.parse_count("chunks", arguments.chunks),
        workers=resources.parse_count("workers", arguments.workers),
        on_error=arguments.on_error,
        max_rejected=arguments.max_rejected,
        limit=resources.parse_limit(arguments.limit),
        split_of=arguments.split_of,
        mode=arguments.mode,
        delimiter=arguments.delimiter or None,
        quotechar=arguments.quotechar,
        header=header_option(arguments.header),
        skip_lines=count_option("skip_lines", arguments.skip_lines),
        comment=arguments.comment,
        escape=arguments.escape,
        trailing_delimiter=yes_or_no("trailing_delimiter", arguments.trailing_delimiter),
        decimal=arguments.decimal,
        thousands=arguments.thousands,
        date_format=date_format_option(arguments.date_format),
        encoding=arguments.encoding,
        column_types=cli.json_value("column_types", arguments.column_types, dict),
        null_values=cli.json_value("null_values", arguments.null_values, list) if arguments.null_values else None,
        durable=arguments.durable,
        strict=arguments.strict,
        union=arguments.union,
        source_file=arguments.source_file,
        incremental=arguments.incremental,
        output_format=arguments.output_format,
        partition_by=partition_option(arguments.partition_by),
        files=arguments.file,
        requirements=arguments.requirements,
    )
    if output:
        check_output(output, job.job_id, result_name(vars(request)))
    manifest = split(job, request, output)
    done = _summary(manifest)
    if arguments.plan:
        with job.locked():
            job.discard_error_receipts()
            done |= cli.plan_next_round(job, manifest)
    return done, f"split {manifest.rows} records into {len(manifest.chunks)} chunks"


def _summary(manifest: Manifest) -> dict[str, object]:
    return {
        "job_id": manifest.job_id,
        "chunks": len(manifest.chunks),
        "rows": manifest.rows,
        "limit": manifest.request["limit"],
        "mode": manifest.mode,
        "seconds": round(manifest.split_seconds, 3),
        "decisions": manifest.decisions,
    }


if __name__ == "__main__":
    cli.exit_immediately(main())
