"""The values by which rows are grouped: columns of the input, or expressions like `time_hour.dt.month`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace as replaced
from typing import TYPE_CHECKING, Any

from csvswarm.csv_format.canonical_text import as_arrow
from csvswarm.errors import OptionError
from csvswarm.groupby.group_table import present_mask
from csvswarm.processor_api.context import Context
from csvswarm.records.plain_values import plain_values
from csvswarm.runtime.lazy_imports import np, pa
from csvswarm.types.schema import ARROW, Schema

if TYPE_CHECKING:
    from csvswarm.expressions.rowwise import Expression
    from csvswarm.reading.rows import Rows

    Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class GroupColumns:
    """names: of the grouping columns in the result; an expression's name is its text. expressions: by name."""

    names: list[str]
    expressions: dict[str, Expression]
    columns: list[str]

    @classmethod
    def of(cls, names: Sequence[str], context: Context, where: str) -> GroupColumns:
        """Parse an option. where: what names the columns, for messages. Raises OptionError."""
        if twice := [name for name in names if names.count(name) > 1]:
            raise OptionError(f"{where} names {twice[0]!r} twice.")
        expressions = {}
        needed: set[str] = set()
        for name in names:
            if name in context.names or name.isidentifier():
                context.require_columns([name], where)
                needed.add(name)
                continue
            from csvswarm.expressions.rowwise import Expression  # imports numpy, which columns do not need

            expressions[name] = Expression(name, context.names, where)
            needed |= expressions[name].columns
        return cls(list(names), expressions, [name for name in context.names if name in needed])

    def values(self, rows: Rows, context: Context) -> list[pa.Array]:
        """Return the value of each grouping column in every row."""
        found = {name: rows.table.column(name).combine_chunks() for name in self.names if name not in self.expressions}
        if self.expressions:
            found |= self._evaluate(rows, context.schema)
        return [found[name] for name in self.names]

    def types(self, context: Context) -> list[Any]:
        """Return the Arrow type of each grouping column."""
        if not self.expressions:
            return [ARROW[context.type_of(name)] for name in self.names]
        from csvswarm.reading.rows import Rows  # as above

        tables = {name: pa.array([], ARROW[context.type_of(name)]) for name in self.columns}
        empty = Rows(pa.table(tables), np.empty(0, np.int64))
        return [values.type for values in self.values(empty, context)]

    def _evaluate(self, rows: Rows, schema: Schema) -> dict[str, pa.Array]:
        from csvswarm.processor_api.dataframe import to_frame  # imports pandas, which columns do not need

        # Whether an integer is missing somewhere in the file is not known here, and must not decide about dtypes.
        frame = to_frame(rows, replaced(schema, missing=frozenset(schema.types)))
        return {name: plain_values(as_arrow(expression.value(frame))) for name, expression in self.expressions.items()}


def without_missing(columns: Sequence[pa.Array]) -> Array:
    """Return a mask of the rows with a value in every column. columns: at least one."""
    mask: Array = np.logical_and.reduce([present_mask(column) for column in columns])
    return mask
