"""The commands that repeat a job and that resume it."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

from csvswarm.types.schema import NULL_VALUES

#: Variables of run_job.yml that a request keeps under their own names, and their defaults where they have one. Not
#: `incremental`, which needs a job_id: the repetition is a job of its own, over all files.
_OPTIONS = (
    *("output_format", "partition_by", "on_error", "max_rejected", "limit", "strict", "quotechar", "header"),
    *("skip_lines", "comment", "escape", "trailing_delimiter", "decimal", "thousands", "date_format", "union"),
    *("source_file", "column_types"),
)
_DEFAULTS: dict[str, Any] = {
    "processor": "statistics",
    "output_format": "csv",
    "on_error": "fail",
    "max_rejected": "50%",
    "encoding": "utf-8",
    "strict": False,
    "union": False,
    "source_file": False,
}


def commands(record: dict[str, Any]) -> dict[str, str]:
    """Return the commands that repeat and resume a job; a job that was not split can only be resumed.

    record: what job.json contains.
    """
    resume = f"ansible-playbook run_job.yml -e job_id={record['job_id']}"
    if "request" not in record:
        return {"resume": resume}
    request = record["request"]
    delimiter = request["delimiter"]
    variables: dict[str, Any] = {
        "input": [file["path"] for file in record.get("sources", [])] or record["input"]["path"],
        "processor": _processor(record["processor"]),
        "options": {name: value for name, value in request["options"].items() if value is not None},
        **{name: request.get(name) for name in _OPTIONS},
        "delimiter": "tab" if delimiter == "\t" else delimiter,
        "encoding": record["input"]["encoding"],
        "null_values": _own_nulls(request["null_values"]),
        "files": [file["source"] for file in record.get("files", [])],
        "requirements": record.get("packages", {}).get("source"),
    }
    given = {
        name: value
        for name, value in variables.items()
        if value is not None and value not in ({}, []) and value != _DEFAULTS.get(name)
    }
    repeat = f"ansible-playbook run_job.yml -e {shlex.quote(json.dumps(given, ensure_ascii=False))}"
    return {"repeat": repeat, "resume": resume}


def _processor(processor: dict[str, Any]) -> str:
    """Return the name of a built-in processor, or the path of the user's."""
    source = Path(processor["source"])
    built_in = source.name == f"{processor['name']}.py" and (
        source.parts[-3:-1] == ("files", "processors") or source.parent.name == "built_in_processors"
    )
    return str(processor["name"] if built_in else source)


def _own_nulls(null_values: list[str]) -> list[str] | None:
    return None if null_values == [*NULL_VALUES] else [value for value in null_values if value]
