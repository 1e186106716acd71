"""aggregate: metrics of groups of rows, with the results of pandas' groupby on the whole file.

The state of a group has three kinds: counts and exact sums, which are added; selections (smallest, largest, first,
last), of which one is kept; and, for medians and numbers of distinct values, every value with its count. The native
kernel accumulates it in arrays; where that is not possible, it is a table. Missing groups are dropped and groups are
sorted, the defaults of groupby.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from csvswarm.arithmetic.sort_keys import values_of
from csvswarm.errors import OptionError, format_names
from csvswarm.groupby.group_metrics import GroupMetrics, StateRows
from csvswarm.groupby.group_table import StateBuilder, combine_states, group_codes, key_names, present_mask
from csvswarm.groupby.group_totals import GroupedBlock, GroupTotals
from csvswarm.groupby.state_kinds import COUNT, FIRST, LARGEST, LAST, SMALLEST, SQUARES, STATE_KINDS, SUM, VALUES
from csvswarm.processor_api.context import Context
from csvswarm.runtime.lazy_imports import np, pa
from csvswarm.types.schema import ARROW

if TYPE_CHECKING:
    from csvswarm.reading.rows import Rows

OPTIONS = {
    "group_by": {
        "type": "list",
        "elements": "str",
        "required": True,
        "description": "columns to group by",
    },
    "metrics": {
        "type": "dict",
        "required": True,
        "description": "column -> metric or list of metrics: "
        "count, sum, mean, min, max, std, var, median, nunique, first, last",
    },
    "ddof": {
        "type": "int",
        "default": 1,
        "min": 0,
        "description": "what std and var subtract from the count",
    },
}
BLOCK = "rows"

NEEDS = {
    "count": {COUNT},
    "sum": {COUNT, SUM},
    "mean": {COUNT, SUM},
    "min": {SMALLEST},
    "max": {LARGEST},
    "std": {COUNT, SUM, SQUARES},
    "var": {COUNT, SUM, SQUARES},
    "median": {COUNT, VALUES},
    "nunique": {VALUES},
    "first": {FIRST},
    "last": {LAST},
}
FOR_NUMBERS = {"sum", "mean", "std", "var", "median"}
BATCH_GROUPS = 8192


def metrics_of(context: Context) -> dict[str, list[str]]:
    """Return column -> list of metrics. Raises OptionError for an unknown column or metric."""
    wanted = {}
    for column, given in context.options["metrics"].items():
        wanted[column] = list(given) if isinstance(given, (list, tuple)) else [given]
    group_by = context.options["group_by"]
    context.require_columns(group_by, "option 'group_by' of aggregate")
    context.require_columns(list(wanted), "option 'metrics' of aggregate")
    if twice := [name for name in group_by if group_by.count(name) > 1]:
        raise OptionError(f"option 'group_by' of aggregate names {twice[0]!r} twice.")
    for column, names in wanted.items():
        if names in ([], [None]):
            raise OptionError(
                f"option 'metrics' of aggregate requests no metric of {column!r}: use one of {', '.join(NEEDS)}."
            )
        for name in names:
            if not isinstance(name, str) or name not in NEEDS:
                raise OptionError(
                    f"option 'metrics' of aggregate requests {name!r} of {column!r}: use one of {', '.join(NEEDS)}."
                )
            if names.count(name) > 1:
                raise OptionError(f"option 'metrics' of aggregate requests {name!r} of {column!r} twice.")
            if name in FOR_NUMBERS and context.type_of(column) in ("text", "timestamp"):
                raise OptionError(
                    f"option 'metrics' of aggregate requests the {name} of {column!r}, "
                    f"which is {context.type_of(column)}, not a number; "
                    "if only a few values are not, name them in -e null_values."
                )
    if not group_by or not wanted:
        raise OptionError("options 'group_by' and 'metrics' of aggregate must each name at least one column.")
    return wanted


def columns(context: Context) -> list[str]:
    """Return the grouping and the measured columns."""
    return list(dict.fromkeys([*context.options["group_by"], *metrics_of(context)]))


def numeric_columns(context: Context) -> list[str]:
    """Return the columns whose order depends on whether they are numbers; other metrics refuse text."""
    return [name for name, metrics in metrics_of(context).items() if {"min", "max"} & set(metrics)]


def why_empty(context: Context, rows: int) -> str:
    """Return why the result has no rows: records without a group are left out."""
    return (
        f"The result has no rows: each of the {rows:,} records lacks a value in one of the columns of group_by "
        f"({format_names(context.options['group_by'])})."
    )


def keys(context: Context) -> list[str]:
    """Return the columns that identify a row of state."""
    return key_names(len(context.options["group_by"]))


def process(rows: Rows, context: Context) -> pa.Table | GroupedBlock:
    """Return the state of one block, or its columns for the kernel to accumulate."""
    if rows.block is not None:
        from csvswarm.groupby.accumulator import grouped_block  # imports numpy

        group_by, wanted = context.options["group_by"], _needs(context)
        types = {name: context.type_of(name) for name in (*group_by, *wanted)}
        block = grouped_block(rows.block, rows.numbers, group_by, wanted, types)
        if block is not None:
            return block
    table = rows.table
    numbers = rows.numbers
    grouped = np.ones(len(rows), dtype=bool)
    for name in context.options["group_by"]:
        grouped &= present_mask(table.column(name).combine_chunks())
    if not grouped.all():
        table, numbers = table.filter(pa.array(grouped)), numbers[grouped]
    codes, groups = group_codes([table.column(name).combine_chunks() for name in context.options["group_by"]])
    state = StateBuilder(groups)
    metrics = metrics_of(context)
    for index, (column, needs) in enumerate(_needs(context).items()):
        values = table.column(column).combine_chunks()
        if pa.types.is_string(values.type) and _type_for_metrics(context, column, metrics[column]) == "null":
            values = pa.nulls(len(values), pa.float64())
        state.measure(index * STATE_KINDS, needs, values, codes, numbers)
    return combine([state.table()], context)


def _needs(context: Context) -> dict[str, set[int]]:
    """Return column -> the kinds of state that it needs. The first column always has counts, which list the groups."""
    return {
        column: set().union(*(NEEDS[name] for name in names)) | ({COUNT} if index == 0 else set())
        for index, (column, names) in enumerate(metrics_of(context).items())
    }


def table_of(totals: GroupTotals, context: Context) -> pa.Table:
    """Return groups as the table that `process` returns for other blocks."""
    types = [context.type_of(name) for name in context.options["group_by"]]
    columns = zip(*totals.groups, strict=True) if totals.groups else [()] * len(types)
    state = StateBuilder([_group_array(list(keys), kind) for keys, kind in zip(columns, types, strict=True)])
    for index, (needs, column) in enumerate(zip(_needs(context).values(), totals.columns, strict=True)):
        state.add_totals(index * STATE_KINDS, needs, column)
    return combine([state.table()], context)


def _group_array(keys: list[Any], kind: str) -> pa.Array:
    """Return the values of a grouping column, given as texts or as keys of `sort_keys`."""
    if kind == "text":
        return pa.array(keys, pa.string())
    values = pa.array(values_of(np.array(keys, np.int64), kind != "float"))
    return values.cast(ARROW[kind])


def finish_groups(totals: GroupTotals, context: Context) -> tuple[list[str], list[list[str | None]]]:
    """Return (names, rows of text) of the result, like `finish`, for groups without a table."""
    count = len(totals.groups)
    group_metrics = [GroupMetrics(context.type_of(name), [], 0) for name in context.options["group_by"]]
    figures = []
    for (column, wanted), one in zip(metrics_of(context).items(), totals.columns, strict=True):
        values = one.group_values(count) if one.values else None
        texts = []
        for group in range(count):
            metrics = GroupMetrics(context.type_of(column), wanted, context.options["ddof"])
            metrics.add_totals(one, group, values[group] if values else None)
            texts.append(metrics.texts())
        figures.append(texts)
    rows = []
    for group in sorted(range(count), key=totals.groups.__getitem__):
        names = [one.text_of_key(key) for one, key in zip(group_metrics, totals.groups[group], strict=True)]
        rows.append([*names, *(text for texts in figures for text in texts[group])])
    return _names(context), rows


def _names(context: Context) -> list[str]:
    figures = [f"{column}_{name}" for column, names in metrics_of(context).items() for name in names]
    return [*context.options["group_by"], *figures]


def _type_for_metrics(context: Context, column: str, names: list[str]) -> str:
    """Return the type of a column for its metrics: for numeric metrics, quoted "" and "NA" count as missing."""
    kind = context.type_of(column)
    return "null" if kind == "quoted" and FOR_NUMBERS.intersection(names) else kind


def combine(partials: list[pa.Table], context: Context) -> pa.Table:
    """Return one state, sorted by its keys, which are unique."""
    return combine_states(partials, len(context.options["group_by"]))


def finish(pieces: Iterator[pa.Table], context: Context) -> Iterator[pa.Table]:
    """Yield the groups, sorted, with their metrics as text."""
    metrics = metrics_of(context)
    names = _names(context)
    group_types = [ARROW[context.type_of(name)] for name in context.options["group_by"]]
    done: list[list[Any]] = []
    group: tuple[Any, ...] | None = None
    figures: list[GroupMetrics] = []

    def batch() -> pa.Table:
        width = len(group_types)
        columns = [pa.array([row[i] for row in done], group_types[i]) for i in range(width)]
        columns += [pa.array([row[i] for row in done], pa.string()) for i in range(width, len(names))]
        done.clear()
        return pa.table(columns, names=names)

    def end_group() -> None:
        if group is not None:
            done.append([*group, *(text for figure in figures for text in figure.texts())])

    for piece in pieces:
        rows = StateRows(piece, len(group_types))
        for start, stop in rows.segments():
            if rows.group(start) != group:
                end_group()
                group = rows.group(start)
                figures = [
                    GroupMetrics(_type_for_metrics(context, column, names), names, context.options["ddof"])
                    for column, names in metrics.items()
                ]
            index, state_kind = divmod(int(rows.slot[start]), STATE_KINDS)
            figures[index].add(state_kind, rows, start, stop)
        if len(done) >= BATCH_GROUPS:
            yield batch()
    end_group()
    yield batch()
