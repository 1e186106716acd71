"""Converts a result from its text as CSV to the files of another format, or to one file for each value."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from csvswarm.collect.format_writers import (
    Report,
    TableWriter,
    json_lines_rows,
    json_lines_writer,
    parquet_rows,
    parquet_writer,
    same_text,
    write_text,
)
from csvswarm.collect.partitions import Part, Partitioner
from csvswarm.collect.result_layout import Layout, Misfit
from csvswarm.collect.sqlite_writer import sqlite_rows, sqlite_writer
from csvswarm.collect.xlsx_writer import xlsx_rows, xlsx_writer
from csvswarm.errors import JobError, filename_in_errors
from csvswarm.job.checksums import file_entry
from csvswarm.job.durable_files import new_token, replace_durably, sync_directory
from csvswarm.job.output_directory import is_intact, remove_tree
from csvswarm.job.result_format import FORMATS, TYPED, check_size
from csvswarm.runtime import progress

#: Counts the rows of a file, and reports how many it has read.
Count = Callable[[Path, Report], int]
#: Format -> (a writer of tables, the number of rows in a written file).
WRITERS: dict[str, tuple[Callable[[Path, Layout], AbstractContextManager[TableWriter]], Count]] = {
    "parquet": (parquet_writer, parquet_rows),
    "jsonl": (json_lines_writer, json_lines_rows),
    "sqlite": (sqlite_writer, sqlite_rows),
    "xlsx": (xlsx_writer, xlsx_rows),
}


@dataclass
class Conversion:
    """Converts the text of a result to the file or directory `target`."""

    job_id: str
    output_format: str
    partition_by: list[str]
    scratch: Path
    target: Path

    def run(self, text: Path, layout: Layout, rows: int) -> list[dict[str, Any]]:
        """Write the result; a column becomes text if a value does not have its type. Returns the file entries."""
        temporary = self.target.with_name(f".{self.target.name}.{self.job_id}.{new_token()}")
        try:
            while True:
                try:
                    self._write(text, layout, rows, temporary)
                    break
                except Misfit as misfit:
                    layout = layout.widened(misfit.column)
                    remove_tree(temporary)
                    shutil.rmtree(self.scratch / "parts", ignore_errors=True)
            return self._commit(temporary)
        except BaseException:
            remove_tree(temporary)
            raise

    def _write(self, text: Path, layout: Layout, rows: int, temporary: Path) -> None:
        passes = 3 if self.partition_by else 2  # divided, written, read back
        progress.begin("collecting", [passes * text.stat().st_size])
        if not self.partition_by:
            self._convert(Part(text, rows), layout, temporary)
            return
        parts = Partitioner(layout, self.partition_by, self.scratch / "parts").divide(text)
        if sum(part.rows for part in parts.values()) != rows:
            raise JobError(
                f"the parts of {self.target} do not have the {rows:,} rows of the result; please report this."
            )
        temporary.mkdir()
        for directory, part in parts.items():
            path = temporary / directory / f"part{FORMATS[self.output_format]}"
            path.parent.mkdir(parents=True)
            self._convert(part, layout.without(self.partition_by), path)

    def _convert(self, part: Part, layout: Layout, path: Path) -> None:
        """Write one file, and read it back."""
        with filename_in_errors(path):
            if self.output_format not in TYPED:
                write_text(part.text, path, self.output_format)
                is_right = same_text(part.text, path, self.output_format)
            else:
                check_size(self.output_format, part.rows, len(layout.columns))
                open_writer, count_rows = WRITERS[self.output_format]
                size, read = part.text.stat().st_size, 0
                with part.text.open("rb") as file, open_writer(path, layout) as writer:
                    for table in layout.tables(file):
                        writer.write(table)
                        progress.advance(0, file.tell() - read)
                        read = file.tell()
                share = size / max(part.rows, 1)
                is_right = count_rows(path, lambda rows: progress.advance(0, int(rows * share))) == part.rows
            _sync(path)
        if not is_right:
            raise JobError(
                f"{path} differs from what was written to it: the disk or another program has changed it. "
                "Rerun with the same job_id; finished work is kept."
            )

    def _commit(self, temporary: Path) -> list[dict[str, Any]]:
        """Give the result its name, and verify it under that name. Returns the file entries."""
        base = temporary.parent
        paths = sorted(path for path in temporary.rglob("*") if path.is_file()) if temporary.is_dir() else [temporary]
        files = [
            file_entry(path) | {"name": self.target.name + str(path.relative_to(base))[len(temporary.name) :]}
            for path in paths
        ]
        if temporary.is_dir():
            for directory in {temporary, *(parent for path in paths for parent in path.relative_to(base).parents)}:
                sync_directory(base / directory)
            remove_tree(self.target)
        replace_durably(temporary, self.target)
        if not all(is_intact(base, entry) for entry in files):
            raise JobError(
                f"{self.target} differs from what was written to it: the disk or another program has changed it. "
                "Rerun with the same job_id; finished work is kept."
            )
        return files


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
