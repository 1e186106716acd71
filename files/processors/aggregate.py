"""aggregate: metrics of groups of rows, with the results of pandas' groupby on the whole file.

The state of a group has three kinds: counts and exact sums, which are added; selections (smallest, largest, first,
last), of which one is kept; and, for percentiles and numbers of distinct values, every value with its count. The native
kernel accumulates it in arrays; where that is not possible, it is a table. By default, missing groups are dropped;
groups are sorted, as in groupby.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from csvswarm.arithmetic.sort_keys import values_of
from csvswarm.errors import OptionError, format_names
from csvswarm.groupby.group_metrics import PICKS, Figures, GroupMetrics
from csvswarm.groupby.group_table import StateBuilder, combine_states, group_codes, key_names
from csvswarm.groupby.group_totals import GroupArrays, GroupedBlock, GroupTotals
from csvswarm.groupby.metric_options import ALL_ROWS, Measure, measures_of, require_numbers
from csvswarm.groupby.state_kinds import COUNT, VALUES
from csvswarm.processor_api.context import Context
from csvswarm.records.group_columns import GroupColumns, without_missing
from csvswarm.records.sort_key import sort_key
from csvswarm.runtime.lazy_imports import np, pa
from csvswarm.types.schema import ARROW

if TYPE_CHECKING:
    from csvswarm.reading.rows import Rows

OPTIONS = {
    "group_by": {
        "type": "list",
        "elements": "str",
        "required": True,
        "description": "columns to group by, or expressions",
    },
    "metrics": {
        "type": "dict",
        "required": True,
        "description": "column -> metric or list of metrics: count, sum, mean, min, max, std, var, median, nunique, "
        "first, last, p0 to p100, {weighted_mean: COLUMN}; '*' -> count for the number of rows",
    },
    "dropna": {
        "type": "bool",
        "default": True,
        "description": "drop rows with a missing value in group_by; false keeps them as the last group",
    },
    "ddof": {
        "type": "int",
        "default": 1,
        "min": 0,
        "description": "what std and var subtract from the count",
    },
}
BLOCK = "rows"


def columns(context: Context) -> list[str]:
    """Return the grouping and the measured columns. Raises OptionError."""
    needed = _group_by(context).columns
    measures = _measures(context)
    return list(dict.fromkeys([*needed, *_columns_of(measures)]))


def numeric_columns(context: Context) -> list[str]:
    """Return the columns whose order depends on whether they are numbers; other metrics refuse text."""
    return [one.column for one in _measures(context) if {"min", "max"} & set(one.metrics)]


def needs_pandas(context: Context) -> bool:
    """Whether the groups need pandas: only expressions do."""
    return bool(_group_by(context).expressions)


def _group_by(context: Context) -> GroupColumns:
    return GroupColumns.of(context.options["group_by"], context, "option 'group_by' of aggregate")


def _measures(context: Context) -> list[Measure]:
    where = "option 'metrics' of aggregate"
    measures = measures_of(context.options["metrics"], where)
    if not context.options["group_by"] or not measures:
        raise OptionError("options 'group_by' and 'metrics' of aggregate must each name at least one column.")
    names = _columns_of(measures)
    context.require_columns(names, where)
    require_numbers(measures, {name: context.type_of(name) for name in names}, where)
    return measures


def _columns_of(measures: list[Measure]) -> list[str]:
    columns = [name for one in measures for name in (one.column, one.weight)]
    return [name for name in columns if name is not None and name != ALL_ROWS]


def result_kinds(context: Context) -> dict[str, str]:
    """Return the types of the metrics, whose values are text."""
    kinds = {}
    for one in _measures(context):
        own = _type_for_metrics(context, one.column, one)
        for name, metric in zip(one.names, one.metrics, strict=True):
            if metric in ("count", "nunique"):
                kind = "int"
            elif metric in PICKS:
                kind = own
            else:
                kind = "int" if metric == "sum" and own in ("int", "bool") and one.weight is None else "float"
            kinds[name] = kind
    return kinds


def why_empty(context: Context, rows: int) -> str:
    """Return why the result has no rows: records without a group are left out."""
    return (
        f"The result has no rows: each of the {rows:,} records lacks a value in one of the columns of group_by "
        f"({format_names(context.options['group_by'])}). "
        "Pass dropna=false in options to keep them."
    )


def keys(context: Context) -> list[str]:
    """Return the columns that identify a row of state."""
    return key_names(len(context.options["group_by"]), with_values=_needs_values(context))


def process(rows: Rows, context: Context) -> pa.Table | GroupedBlock:
    """Return the state of one block, or its columns for the kernel to accumulate."""
    if rows.block is not None and _is_accumulated(context):
        from csvswarm.groupby.accumulator import grouped_block  # imports numpy

        group_by, wanted = context.options["group_by"], {one.column: needs for one, needs in _needs(context)}
        types = {name: context.type_of(name) for name in (*group_by, *wanted)}
        block = grouped_block(rows.block, rows.numbers, group_by, wanted, types)
        if block is not None:
            return block
    table = rows.table
    numbers = rows.numbers
    groups = _group_by(context).values(rows, context)
    if context.options["dropna"] and not (grouped := without_missing(groups)).all():
        mask = pa.array(grouped)
        table, numbers, groups = table.filter(mask), numbers[grouped], [column.filter(mask) for column in groups]
    codes, values_of_groups = group_codes(groups)
    state = StateBuilder(values_of_groups, with_values=_needs_values(context))
    for index, (one, needs) in enumerate(_needs(context)):
        if one.column == ALL_ROWS:
            state.count_rows(index, codes)
        elif one.weight is not None:
            weights = _values(table, one.weight, one, context)
            state.measure_weighted(index, _values(table, one.column, one, context), weights, codes)
        else:
            state.measure(index, needs, _values(table, one.column, one, context), codes, numbers)
    return state.table()


def _values(table: pa.Table, column: str, measure: Measure, context: Context) -> pa.Array:
    values = table.column(column).combine_chunks()
    is_missing = pa.types.is_string(values.type) and _type_for_metrics(context, column, measure) == "null"
    return pa.nulls(len(values), pa.float64()) if is_missing else values


def _needs(context: Context) -> list[tuple[Measure, set[int]]]:
    """Return the measures and the kinds of state that they need. The first one always counts, to list the groups."""
    return [
        (one, one.needs | ({COUNT} if index == 0 and one.column != ALL_ROWS else set()))
        for index, one in enumerate(_measures(context))
    ]


def _needs_values(context: Context) -> bool:
    """Whether a metric needs every distinct value."""
    return any(VALUES in one.needs for one in _measures(context))


def _is_accumulated(context: Context) -> bool:
    """Whether the options need no table: groups of columns without missing values, and metrics of single columns."""
    measures = _measures(context)
    is_plain = all(one.column != ALL_ROWS and one.weight is None for one in measures)
    return is_plain and context.options["dropna"] and not _group_by(context).expressions


def table_of(groups: GroupArrays, context: Context) -> pa.Table:
    """Convert groups to the table that `process` returns for other blocks, in their order."""
    types = [context.type_of(name) for name in context.options["group_by"]]
    arrays = [_group_array(keys, kind) for keys, kind in zip(groups.keys or [()] * len(types), types, strict=True)]
    state = StateBuilder(arrays, with_values=_needs_values(context))
    for index, ((_, needs), column) in enumerate(zip(_needs(context), groups.columns, strict=True)):
        state.add(index, needs, column)
    return combine([state.table()], context) if _needs_values(context) else state.table()


def _group_array(keys: Sequence[Any], kind: str) -> pa.Array:
    """Return the values of a grouping column, given as texts or as keys of `sort_keys`."""
    if kind == "text":
        return pa.array(keys, pa.string())
    values = pa.array(values_of(np.asarray(keys, np.int64), kind != "float"))
    return values.cast(ARROW[kind])


def finish_groups(totals: GroupTotals, context: Context) -> tuple[list[str], list[list[str | None]]]:
    """Return (names, rows of text) of the result, like `finish`, for groups without a table."""
    count = len(totals.groups)
    group_texts = [GroupMetrics(Figures(context.type_of(name), [], 0, False)) for name in context.options["group_by"]]
    values = [one.group_values(count) if one.values else None for one in totals.columns]
    rows = []
    measures = _figures(context)
    for group in sorted(range(count), key=totals.groups.__getitem__):
        row = [one.text_of_key(key) for one, key in zip(group_texts, totals.groups[group], strict=True)]
        for given, one, distinct in zip(measures, totals.columns, values, strict=True):
            figures = GroupMetrics(given)
            figures.add_totals(one, group, distinct[group] if distinct else None)
            row += figures.texts()
        rows.append(row)
    return _names(context), rows


def _figures(context: Context) -> list[Figures]:
    """Return the metrics of each measure."""
    ddof = context.options["ddof"]
    return [
        Figures(_type_for_metrics(context, one.column, one), one.metrics, ddof, VALUES in one.needs)
        for one in _measures(context)
    ]


def _names(context: Context) -> list[str]:
    return [*context.options["group_by"], *(name for one in _measures(context) for name in one.names)]


def _type_for_metrics(context: Context, column: str, measure: Measure) -> str:
    """Return the type of a column for its metrics: for numeric metrics, quoted "" and "NA" count as missing."""
    if column == ALL_ROWS:
        return "null"
    kind = context.type_of(column)
    return "null" if kind == "quoted" and measure.for_numbers else kind


def combine(partials: list[pa.Table], context: Context) -> pa.Table:
    """Return one state, sorted by its keys, which are unique."""
    return combine_states(partials, keys(context))


def finish(pieces: Iterator[pa.Table], context: Context) -> Iterator[pa.Table]:
    """Yield the groups, sorted, missing values last, with their metrics as text."""
    tables = _tables(pieces, context)
    if context.options["dropna"]:
        yield from tables
        return
    width = len(context.options["group_by"])
    keyed = (
        table.append_column("", sort_key([table.column(index) for index in range(width)], [True] * width))
        for table in tables
    )
    for table in context.sort(keyed, [""]):
        yield table.drop_columns([""])


def _tables(pieces: Iterator[pa.Table], context: Context) -> Iterator[pa.Table]:
    """Yield the groups in the order of the state, with their metrics as text."""
    from csvswarm.groupby.metric_columns import metric_columns  # imports numpy, which few groups do not need

    types = _group_by(context).types(context)
    for own, metrics in metric_columns(pieces, _figures(context)):
        groups = [own.column(index).combine_chunks().cast(kind) for index, kind in enumerate(types)]
        yield pa.table([*groups, *metrics], names=_names(context))
