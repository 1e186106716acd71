"""Checks of the result's format that are possible before processing."""

from __future__ import annotations

from typing import Any

from csvswarm.job.result_format import check_columns, check_size, format_of, reads_values
from csvswarm.processor_api.context import Context
from csvswarm.processor_api.processor import Processor


def check_result(processor: Processor, context: Context, request: dict[str, Any], rows: int) -> None:
    """Raise OptionError if the result's format cannot have its columns or rows, as far as they are known.

    rows: number of records, 0 if unknown.
    """
    if reads_values(request) and (columns := processor.result_columns(context)) is not None:
        check_columns(request, columns)
    output_format, partition_by = format_of(request)
    if not partition_by and request["on_error"] == "fail" and processor.keeps_rows(context):
        check_size(output_format, rows, 0)
