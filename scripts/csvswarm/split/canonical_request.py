"""The part of a request that decides the result."""

from __future__ import annotations

from typing import Any

from csvswarm.errors import OptionError
from csvswarm.input.many_files import names_many
from csvswarm.job.rejections import check_max_rejected
from csvswarm.job.request import Request
from csvswarm.job.result_format import check_format
from csvswarm.types.schema import NULL_VALUES


def canonical_request_of(request: Request, options: dict[str, Any]) -> dict[str, Any]:
    """Return the part of a request that decides the result, as stored in the manifest."""
    if request.on_error not in ("fail", "quarantine"):
        raise OptionError(f"on_error is {request.on_error!r}, but must be fail or quarantine.")
    check_format(request.output_format, request.partition_by)
    return {
        "options": options,
        "output_format": request.output_format,
        "partition_by": request.partition_by,
        "on_error": request.on_error,
        "max_rejected": check_max_rejected(request.max_rejected),
        "limit": request.limit,
        "strict": request.strict,
        "delimiter": request.delimiter,
        "quotechar": request.quotechar,
        "header": request.header,
        "skip_lines": request.skip_lines,
        "comment": request.comment,
        "escape": request.escape,
        "trailing_delimiter": request.trailing_delimiter,
        "decimal": request.decimal,
        "thousands": request.thousands,
        "date_format": request.date_format,
        "union": request.union,
        "source_file": request.source_file,
        "incremental": _check_incremental(request),
        "column_types": request.column_types,
        "null_values": list(NULL_VALUES) if request.null_values is None else ["", *request.null_values],
    }


def _check_incremental(request: Request) -> bool:
    """Return whether later runs may add files. Raises OptionError where they cannot."""
    if request.incremental:
        if request.durable:
            raise OptionError("incremental is for jobs on one machine: leave it out, or use -e engine=local.")
        if request.limit is not None:
            raise OptionError("incremental cannot be combined with limit: leave out one of them.")
        if not names_many(request.inputs):
            raise OptionError(
                "incremental needs an input that can grow: a folder, a pattern or a list of files, not the single "
                f"file {request.inputs[0]}."
            )
    return request.incremental
