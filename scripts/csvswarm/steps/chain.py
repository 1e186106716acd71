"""Runs several processors as one: row-wise ones are applied to each block, and the last one gets their output.

A row-wise processor has two functions for this: `step(rows, context, raw)` returns the rows for the next step, and
`outline(context)` the names of their columns and the types of new ones. The last processor may be any: the context
of its functions has the columns that the steps before it return.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

from csvswarm.errors import OptionError
from csvswarm.processor_api.context import Context
from csvswarm.processor_api.processor import Processor
from csvswarm.reading.rows import Rows
from csvswarm.records.step_rows import select_columns
from csvswarm.types.schema import Schema

#: Functions of the last processor that get a context as their last argument, and are called directly.
FORWARDED = ("keys", "combine", "finish", "finish_groups", "table_of")


@dataclass(frozen=True)
class Step:
    """One step. number: from 1. options: validated."""

    number: int
    processor: Processor
    options: dict[str, Any]

    @property
    def title(self) -> str:
        return f"step {self.number} ({self.processor.name})"


class Chain:
    """Several steps as one processor. steps: at least one; all but the last are row-wise."""

    def __init__(self, steps: Sequence[Step]) -> None:
        *self._first, self._last = steps
        self._contexts: dict[str, list[Context]] = {}

    def functions(self) -> SimpleNamespace:
        """Return the functions of the processor that runs all steps."""
        last = self._last.processor
        processors = [step.processor for step in (*self._first, self._last)]
        found: dict[str, Any] = {
            "BLOCK": "rows",
            "RAW": last.keeps_raw,
            "GAPS": any(processor.watches_gaps for processor in processors),
            "ARROW": any(processor.uses_arrow for processor in processors),
            "DIGEST": hashlib.sha256("".join(one.sha256 for one in processors).encode()).hexdigest(),
            "columns": self.columns,
            "numeric_columns": self.numeric_columns,
            "needs_pandas": self.needs_pandas,
            "why_empty": self.why_empty,
            "overlap": self.overlap,
            "process": self.process,
        }
        if hasattr(last.module, "header"):
            found["header"] = self.header
        for name in FORWARDED:
            if hasattr(last.module, name):
                found[name] = self._forward(name)
        return SimpleNamespace(**found)

    def _forward(self, name: str) -> Callable[..., Any]:
        def forward(*arguments: Any) -> Any:
            *given, context = arguments
            return getattr(self._last.processor.module, name)(*given, self._contexts_of(context)[-1])

        return forward

    # -- contexts ------------------------------------------------------------------------------------------------------

    def _contexts_of(self, context: Context) -> list[Context]:
        """Return the context of each step."""
        key = repr((context.names, context.schema))
        if key not in self._contexts:
            self._contexts[key] = self._new_contexts(context)
        now = {name: getattr(context, name) for name in ("chunk", "first_record", "overlap", "rows", "sorter")}
        return [replace(one, **now) for one in self._contexts[key]]

    def _new_contexts(self, context: Context) -> list[Context]:
        found = []
        current = replace(context, schema=replace(context.schema, output=()))
        for step in self._first:
            current = replace(current, options=step.options)
            found.append(current)
            module = step.processor.module
            self._checked(step, functools.partial(step.processor.columns, current))
            names, new = self._checked(step, functools.partial(module.outline, current))
            current = replace(current, names=names, schema=_schema_with(current.schema, names, new))
        schema = replace(current.schema, output=context.schema.output)
        found.append(replace(current, options=self._last.options, schema=schema))
        return found

    @staticmethod
    def _checked(step: Step, call: Callable[[], Any]) -> Any:
        """Call a function; an OptionError names the step."""
        try:
            return call()
        except OptionError as error:
            raise OptionError(f"{step.title}: {error}") from error

    # -- the functions of the processor --------------------------------------------------------------------------------

    def columns(self, context: Context) -> list[str]:
        """Return the columns of the input that the steps need."""
        contexts = self._contexts_of(context)
        needed = set(self._checked(self._last, lambda: self._last.processor.columns(contexts[-1])))
        for step, before, after in reversed(list(zip(self._first, contexts[:-1], contexts[1:], strict=True))):
            _, new = step.processor.module.outline(before)
            needed = {name for name in needed if name not in new and name in after.names}
            needed |= set(step.processor.columns(before))
        return [name for name in context.names if name in needed]

    def numeric_columns(self, context: Context) -> list[str]:
        """Return the columns of the input that the last step uses as numbers when they are."""
        last = self._contexts_of(context)[-1]
        own = set(self.columns(context))
        return [name for name in self._last.processor.numeric_columns(last) if name in own]

    def needs_pandas(self, context: Context) -> bool:
        """Whether a step needs pandas."""
        steps = [*self._first, self._last]
        return any(s.processor.needs_pandas(c) for s, c in zip(steps, self._contexts_of(context), strict=True))

    def why_empty(self, context: Context, rows: int) -> str:
        """Return why the result has no rows."""
        if not self._first:
            return self._last.processor.why_empty(self._contexts_of(context)[-1], rows)
        titles = ", ".join(step.title for step in [*self._first, self._last])
        return f"The result has no rows: the steps keep none of the {rows:,} records ({titles})."

    def overlap(self, context: Context) -> int:
        """Return the number of rows before a block that the last step needs. Raises OptionError."""
        rows = self._last.processor.overlap(self._contexts_of(context)[-1])
        dropping = [step for step in self._first if not _keeps_all_rows(step)]
        if rows and dropping:
            raise OptionError(
                f"{self._last.title} needs the {rows} rows before each block, but {dropping[0].title} may drop some: "
                "run the steps before it as a separate job, and process its result."
            )
        return rows

    def process(self, rows: Rows, context: Context) -> Any:
        """Return what the last step returns for a block."""
        *contexts, last = self._contexts_of(context)
        processor = self._last.processor
        for step, current in zip(self._first, contexts, strict=True):
            arguments = rows, current, processor.keeps_raw
            rows = self._checked(step, functools.partial(step.processor.module.step, *arguments))
        if self._first:
            wanted = set(processor.columns(last))
            rows = select_columns(rows, [name for name in last.names if name in wanted])
        return self._checked(self._last, functools.partial(processor.module.process, rows, last))

    def header(self, context: Context, record: bytes) -> bytes:
        """Return the header of the result, given that of the input."""
        end = context.dialect.lineterminator.encode()
        *contexts, last = self._contexts_of(context)
        for step, current in zip(self._first, contexts, strict=True):
            record = step.processor.module.header(current, record).removesuffix(end)
        return bytes(self._last.processor.module.header(last, record))


def _keeps_all_rows(step: Step) -> bool:
    declared = getattr(step.processor.module, "keeps_all_rows", None)
    return declared is not None and bool(declared(step.options))


def _schema_with(schema: Schema, names: Sequence[str], new: dict[str, str]) -> Schema:
    """Return the schema of some columns, new ones among them. New ones may have missing values anywhere."""
    kept = [name for name in names if name not in new]
    kinds = {name: schema.kinds[name] for name in kept if name in schema.kinds}
    declared = {name: schema.declared_types[name] for name in kept if name in schema.declared_types}
    missing = schema.missing.intersection(kept) | set(new)
    return Schema({**kinds, **dict.fromkeys(new, frozenset())}, {**declared, **new}, frozenset(missing))
