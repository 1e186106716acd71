"""One attempt at one chunk: streams its blocks through the processor and commits the outcome."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from csvswarm.csv_format.dialect import CANONICAL
from csvswarm.csv_format.row_writer import text_rows
from csvswarm.errors import CsvswarmError, OptionError, ProcessorError, SchemaMismatch, filename_in_errors, printable
from csvswarm.groupby.group_totals import GroupArrays
from csvswarm.job.checksums import file_entry
from csvswarm.job.chunk import Chunk
from csvswarm.job.chunk_reader import ChunkReader
from csvswarm.job.directory import JobDirectory
from csvswarm.job.manifest import Manifest
from csvswarm.job.receipt import Receipt
from csvswarm.job.rejections import Reasons, allowed, too_many
from csvswarm.partials.outputs import CombinedWriter, KeyedWriter, PartialWriter, RowsWriter
from csvswarm.process.preceding_rows import preceding_rows
from csvswarm.process.quarantine import outputs
from csvswarm.processor_api.context import Context
from csvswarm.processor_api.processor import Processor
from csvswarm.reading.block_reader import Reader
from csvswarm.reading.rows import Rejected, Rows, concat_rows, tail
from csvswarm.runtime import progress
from csvswarm.runtime.resources import memory_limit
from csvswarm.types.formats import Formats
from csvswarm.types.schema import Schema

#: Number of values that do not fit that are kept per column of a chunk.
MAX_EXAMPLES = 3


class Attempt:
    """One attempt at a chunk under one generation of the schema. All its files have its name."""

    def __init__(self, job: JobDirectory, manifest: Manifest, processor: Processor, number: int, name: str) -> None:
        self._job, self._manifest, self._processor = job, manifest, processor
        self._chunk: Chunk = manifest.chunks[number - 1]
        self._name = name
        self._generation, schema = job.schema()
        self._schema = Schema.from_json(schema)
        request = manifest.request
        self._context = Context(
            options=dict(request["options"]),
            names=manifest.names,
            schema=self._schema,
            dialect=manifest.dialect,
            null_values=request["null_values"],
            chunk=number,
            files=processor.files,
        )
        self._quarantine = request["on_error"] == "quarantine"
        self._rejected: list[Rejected] = []
        self._before = manifest.records_before(self._chunk)
        self._columns, self._overlap = list[str](), 0
        self._reader = self._new_reader()
        self._input = self._open(self._chunk)

    def _query_processor(self) -> None:
        """Read the columns and overlap that the processor needs under this schema."""
        self._columns = self._processor.columns_to_read(self._context, self._manifest.request)
        self._overlap = self._processor.overlap(self._context)
        self._reader = self._new_reader()

    def _new_reader(self) -> Reader:
        return Reader(
            dialect=self._manifest.dialect,
            names=self._manifest.names,
            schema=self._schema,
            columns=self._columns,
            null_values=self._manifest.request["null_values"],
            source=str(self._manifest.source_path(self._chunk)),
            before=self._before,
            quarantine=self._quarantine,
            watch_gaps=self._processor.watches_gaps,
            keep_raw=self._quarantine or self._processor.keeps_raw,
            formats=Formats(**self._manifest.formats),
        )

    def run(self) -> Receipt:
        """Process the chunk and commit. Return this attempt's receipt, which counts if it was the first.

        Errors that would repeat become a receipt with the status "error"; errors that may be temporary (I/O, out of
        memory) are raised.
        """
        progress.restart(self._chunk.number - 1)
        started, cpu = time.time(), time.process_time()
        fields: dict[str, Any]
        try:
            self._query_processor()
            fields = {"status": "done", **self._process()}
        except SchemaMismatch:
            fields = self._observe()
            self._job.mismatch_marker(self._generation).touch()
        except OSError:
            with suppress(OSError):  # on a full disk, other attempts need the space
                self._remove_files()
            raise
        except CsvswarmError as error:
            self._remove_files()
            fields = {"status": "error", "message": self._failure_message(error)}
            if isinstance(error, OptionError) or (isinstance(error, ProcessorError) and not error.final):
                # It failed on types inferred from samples, which only the whole file can confirm.
                fields = {**self._observe(), **fields, "status": "suspect"}
                self._job.mismatch_marker(self._generation).touch()
        receipt = Receipt(
            chunk=self._chunk.number,
            generation=self._generation,
            attempt=self._name,
            split=self._manifest.split,
            started=started,
            ended=time.time(),
            processor=self._processor.sha256,
            types=self._schema.read_as(self._columns),
            peak_bytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
            limit_bytes=memory_limit(),
            cpu_seconds=round(time.process_time() - cpu, 6),
            **fields,
        )
        if not self._job.commit(receipt, durable=self._manifest.durable):
            self._remove_files()
        return receipt

    def _failure_message(self, error: CsvswarmError) -> str:
        try:  # damage of a chunk file can cause any error: report the damage
            self._input.verify_rest()
        except CsvswarmError as damage:
            error = damage
        return printable(str(error))

    def _remove_files(self) -> None:
        for path in self._job.attempts_directory.glob(f"{self._chunk.number:06d}-{self._name}.*"):
            if path.suffix != ".json":
                path.unlink(missing_ok=True)

    def _path(self, name: str) -> Path:
        return self._job.attempt_path(self._chunk.number, self._name, name)

    def _open(self, chunk: Chunk) -> ChunkReader:
        return ChunkReader(chunk, self._manifest.data_path(chunk, self._job.chunks_directory))

    # -- processing ------------------------------------------------------------------------------------------------

    def _process(self) -> dict[str, Any]:
        if self._job.mismatch_marker(self._generation).exists():
            raise SchemaMismatch({}, set())
        rows_in = 0
        before = None
        if self._overlap:
            before = preceding_rows(self._manifest.chunks, self._chunk, self._overlap, self._new_reader(), self._open)
        chunk = self._input = self._open(self._chunk)
        with self._output() as output:
            for block, data, record in chunk.blocks():
                rows = self._reader.read(data, record, block.rows)
                rows_in += len(rows)
                self._call(output, rows, before, (record, record + block.rows - 1))
                self._check_rejected()
                progress.advance(self._chunk.number - 1, block.length, block.rows)
                if self._overlap:
                    before = tail(before, rows, self._overlap)
                del data, rows  # before reading the next block
            chunk.verify()
            if not self._chunk.blocks:
                self._call(output, self._reader.empty(), before, (1, 0))
            fields = output.close()
        fields["rows_in"] = rows_in - len(self._rejected)  # read, but not processed
        self._rejected += self._reader.rejected
        if self._rejected:
            fields["rejected"] = len(self._rejected)
            fields["files"]["rejected"] = self._save_rejected()
            fields["reasons"] = self._reasons().to_json()
        self._sync(fields["files"])
        return fields

    def _output(self) -> PartialWriter:
        def combine(partials: list[Any]) -> Any:
            return self._processor.call("combine", partials, self._context)

        processor = self._processor
        if processor.is_keyed:

            def table_of(groups: GroupArrays) -> Any:
                return processor.call("table_of", groups, self._context)

            return KeyedWriter(self._path("partial.arrow"), processor.keys(self._context), combine, table_of)
        if processor.combines:
            return CombinedWriter(processor, self._path("partial.arrow"), combine)
        return RowsWriter(processor, self._path("partial.csv"), self._schema.output)

    def _sync(self, files: dict[str, dict[str, Any]]) -> None:
        """Make the attempt's files durable before the receipt names them.

        Not on one machine: there, only a power cut can lose written data, and the collector detects that by the
        checksums and has the chunks reprocessed.
        """
        if not self._manifest.durable:
            return
        for file in files.values():
            path = self._job.attempts_directory / file["name"]
            descriptor = os.open(path, os.O_RDONLY)
            try:
                with filename_in_errors(path):
                    os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def _call(self, output: PartialWriter, rows: Rows, before: Rows | None, records: tuple[int, int]) -> None:
        """Call the processor on rows; with quarantine, reject the records that cause an error on their own."""
        try:
            for result in self._results(rows, before):
                output.add(result)
        except ProcessorError as error:
            first, last = records[0] - self._before, self._manifest.place(records[1]).removeprefix("record ")
            message = f"{error}\n  in chunk {self._chunk.number}, records {first} to {last}"
            if self._quarantine and self._overlap:
                message += "\n  (on_error=quarantine cannot identify the bad record when blocks overlap)"
            raise ProcessorError(message, final=error.final) from error

    def _results(self, rows: Rows, before: Rows | None) -> Iterable[Any]:
        try:
            return [self._result(rows, before)]
        except ProcessorError:
            if not self._quarantine or self._overlap:
                raise
        return outputs(rows, self._processor, self._context, self._schema, self._reject)

    def _reject(self, record: Rejected) -> None:
        self._rejected.append(record)

    def _result(self, rows: Rows, before: Rows | None) -> Any:
        context = self._context
        context.first_record = int(rows.numbers[0]) if len(rows) else 1
        context.overlap = len(before) if before is not None else 0
        if before is not None and len(before):
            rows = concat_rows([before, rows])
        return self._processor.call("process", self._processor.block_of(rows, self._schema), context)

    def _check_rejected(self) -> None:
        """Raise an error when this chunk alone has more bad records than the job may have."""
        bad = len(self._reader.rejected)
        rejected = bad + len(self._rejected)
        limit = allowed(self._manifest)
        if rejected > limit:
            message = too_many(self._manifest, rejected, self._reasons(self._reader.rejected))
            # Under a wider schema the processor may not fail.
            raise CsvswarmError(message) if bad > limit else ProcessorError(message, final=False)

    def _reasons(self, more: Sequence[Rejected] = ()) -> Reasons:
        reasons = Reasons()
        for bad in (*self._rejected, *more):
            reasons.add(bad.record, bad.column, bad.reason, bad.details)
        return reasons

    def _save_rejected(self) -> dict[str, Any]:
        path = self._path("rejected.csv")
        rejected = sorted(self._rejected, key=lambda bad: bad.record)
        file = self._manifest.source_name(self._chunk)
        rows = ([str(bad.record - self._before), bad.column or None, bad.reason, bad.text, *file] for bad in rejected)
        with filename_in_errors(path):
            path.write_bytes(text_rows(rows, CANONICAL))
        return file_entry(path)

    # -- when the schema does not fit ------------------------------------------------------------------------------

    def _observe(self) -> dict[str, Any]:
        """Return the fields of a misfit receipt: the kinds in the whole chunk, so that one widening is enough."""
        self._remove_files()
        kinds: dict[str, set[str]] = {column: set() for column in self._columns}
        missing: set[str] = set()
        examples: dict[str, list[Any]] = {name: [] for name in self._columns if self._is_inferred_number(name)}
        try:
            chunk = self._input = self._open(self._chunk)
            for _, data, record in chunk.blocks():
                observed_kinds, gaps = self._reader.observe(data, record)
                missing |= gaps
                odd = [name for name, found in examples.items() if not found and "text" in observed_kinds.get(name, "")]
                if odd:
                    examples |= self._reader.misfits(data, record, odd, MAX_EXAMPLES)
                for column, names in observed_kinds.items():
                    kinds[column] |= set(names.split("+")) if names else set()
            chunk.verify()
        except CsvswarmError as error:
            return {"status": "error", "message": self._failure_message(error)}
        observed = {column: "+".join(sorted(names)) for column, names in kinds.items()}
        found_examples = {name: found for name, found in examples.items() if found}
        return {"status": "misfit", "observed": observed, "missing": sorted(missing), "misfits": found_examples}

    def _is_inferred_number(self, column: str) -> bool:
        return column not in self._schema.declared_types and self._schema.type_of(column) in ("int", "float")
