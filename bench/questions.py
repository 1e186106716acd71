"""The questions of the benchmark, each in the language of every tool.

`$name` stands for a parameter that comes from the seed of the run, so that nothing can be tuned to it. In Polars, `lf`
is the lazy frame and `c` is `polars.col`; in DuckDB, `input` is the file; in pandas, `df` is the frame. None: the tool
has no equivalent.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

from bench.files import File
from bench.question import Question
from bench.record_questions import RECORD_QUESTIONS

MAIN, FLIGHTS, TEXT = File("main"), File("flights"), File("text")
WIDE, NARROW, HOSTILE = File("wide"), File("narrow"), File("hostile")


def parameters(seed: int) -> dict[str, str]:
    """Return the parameters of a run."""
    chance = random.Random(seed)
    key, other = chance.sample(["carrier", "origin", "dest", "hour"], 2)
    return {
        "key": key,
        "other": other,
        "origin": chance.choice(["EWR", "JFK", "LGA"]),
        "delay": str(chance.randint(10, 90)),
        "quantity": str(chance.randint(100, 900)),
        "word": chance.choice(["river", "engine", "paper", "winter"]),
        "column": f"c{chance.randint(1, 400)}",
        "metric": chance.choice(["sum", "mean", "min", "max"]),
        "factor": f"{chance.uniform(0.5, 2):.3f}",
    }


SQL = {
    "mean": "avg", "std": "stddev_samp", "var": "var_samp", "nunique": "count(DISTINCT {0})", "count": "count",
}  # fmt: skip
POLARS = {"nunique": "drop_nulls().n_unique", "first": "drop_nulls().first", "last": "drop_nulls().last"}


def _groups(name: str, file: File, keys: Sequence[str], metrics: Mapping[str, Sequence[str]], **own: Any) -> Question:
    """Return the question for metrics of groups."""
    wanted = [(column, metric) for column, names in metrics.items() for metric in names]
    by = ", ".join(keys)
    sql = [SQL.get(metric, metric) for _, metric in wanted]
    figures = [
        function.format(column) if "{0}" in function else f"{function}({column})"
        for function, (column, _) in zip(sql, wanted, strict=True)
    ]
    ordered = {"first", "last"} & {metric for _, metric in wanted}
    calls = [f"c('{column}').{POLARS.get(m, m)}().alias('{column}_{m}')" for column, m in wanted]
    series = [f"g['{column}'].agg('{m}').rename('{column}_{m}')" for column, m in wanted]
    return Question(
        name,
        file,
        own.get("processor", "aggregate"),
        own.get("options", {"group_by": list(keys), "metrics": {key: list(names) for key, names in metrics.items()}}),
        f"lf.drop_nulls({list(keys)}).group_by({list(keys)}).agg([{', '.join(calls)}]).sort({list(keys)})",
        None
        if ordered
        else f"SELECT {by}, {', '.join(figures)} FROM input WHERE {' AND '.join(f'{key} IS NOT NULL' for key in keys)} "
        f"GROUP BY {by} ORDER BY {by}",
        f"(lambda g: pd.concat([{', '.join(series)}], axis=1).reset_index())(df.groupby({list(keys)}))",
    )


PERCENTS = (10, 25, 50, 75, 90)
_FIGURES = ["count", "missing", "mean", "min", "max", "variance", "std", *(f"p{percent}" for percent in PERCENTS)]


def _statistics(name: str, file: File, columns: Sequence[str]) -> Question:
    polars = [
        f"lf.select(pl.lit('{x}'), c('{x}').count(), c('{x}').null_count().alias('n'), c('{x}').mean().alias('m'), "
        f"c('{x}').min().cast(pl.Float64).alias('a'), c('{x}').max().cast(pl.Float64).alias('b'), "
        f"c('{x}').var().alias('v'), c('{x}').std().alias('s'), "
        + ", ".join(f"c('{x}').quantile({p / 100}, 'linear').alias('p{p}')" for p in PERCENTS)
        + f").rename({{'{x}': 'count'}})"
        for x in columns
    ]
    sql = [
        f"SELECT '{x}', count({x}), count(*) - count({x}), avg({x}), min({x}), max({x}), var_samp({x}), "
        f"stddev_samp({x}), " + ", ".join(f"quantile_cont({x}, {p / 100})" for p in PERCENTS) + " FROM input"
        for x in columns
    ]
    frame = (
        "pd.DataFrame([[x, s.count(), s.isna().sum(), s.mean(), s.min(), s.max(), s.var(), s.std(), "
        f"*s.quantile([{', '.join(str(p / 100) for p in PERCENTS)}])] for x, s in df[{list(columns)}].items()])"
    )
    options = {"columns": list(columns)}
    answer = f"pl.concat([{', '.join(polars)}])", " UNION ALL ".join(sql), frame
    return Question(name, file, "statistics", options, *answer, compared=("column", *_FIGURES))


def _pandas_code(question: Question, name: str, file: str) -> Question:
    """Return a question that csvswarm answers with pandas code of a user."""
    answers = question.polars, question.duckdb, question.pandas
    return Question(name, question.file, f"bench/processors/{file}.py", {}, *answers)


MAP = Question(
    "map",
    MAIN,
    "transform",
    {"where": "quantity >= 500", "assign": {"total": "price * quantity", "km": "latitude * 111.2"}},
    "lf.filter(c('quantity') >= 500).with_columns(total=c('price') * c('quantity'), km=c('latitude') * 111.2)",
    "SELECT *, price * quantity AS total, latitude * 111.2 AS km FROM input WHERE quantity >= 500",
    "df[df.quantity >= 500].assign(total=lambda d: d.price * d.quantity, km=lambda d: d.latitude * 111.2)",
)
AGGREGATE = _groups("aggregate", MAIN, ["category"], {"price": ["count", "sum", "mean", "min", "max"]})
BY_CARRIER = _groups("by carrier", FLIGHTS, ["carrier"], {"arr_delay": ["mean", "max"]})
DELAYED = Question(
    "filter, new column",
    FLIGHTS,
    "transform",
    {
        "where": "dep_delay > $delay and origin == '$origin'",
        "assign": {"made_up": "dep_delay - arr_delay"},
        "columns": ["carrier", "flight", "made_up"],
    },
    "lf.filter((c('dep_delay') > $delay) & (c('origin') == '$origin')).select('carrier', 'flight', "
    "made_up=c('dep_delay') - c('arr_delay'))",
    "SELECT carrier, flight, dep_delay - arr_delay FROM input WHERE dep_delay > $delay AND origin = '$origin'",
    "df[(df.dep_delay > $delay) & (df.origin == '$origin')].assign(made_up=lambda d: d.dep_delay - d.arr_delay)"
    "[['carrier', 'flight', 'made_up']]",
)
LOWER = Question(
    "lower-cased text",
    MAIN,
    "transform",
    {"assign": {"low": "note.str.lower()"}},
    "lf.with_columns(low=c('note').str.to_lowercase())",
    "SELECT *, lower(note) FROM input",
    "df.assign(low=df.note.str.lower())",
)
HOURS = Question(
    "hour of a date",
    MAIN,
    "transform",
    {
        "assign": {"hour": "time.astype('timestamp').dt.hour"},
        "where": "quantity < $quantity",
        "columns": ["id", "hour"],
    },
    "lf.filter(c('quantity') < $quantity).select('id', hour=c('time').str.to_datetime().dt.hour())",
    "SELECT id, hour(CAST(time AS TIMESTAMP)) FROM input WHERE quantity < $quantity",
    "df[df.quantity < $quantity].assign(hour=lambda d: pd.to_datetime(d.time).dt.hour)[['id', 'hour']]",
)
CONTAINS = Question(
    "text contains",
    TEXT,
    "transform",
    {"where": "body.str.contains('$word')", "columns": ["id", "tag"]},
    "lf.filter(c('body').str.contains('$word', literal=True)).select('id', 'tag')",
    "SELECT id, tag FROM input WHERE contains(body, '$word')",
    "df[df.body.str.contains('$word', regex=False)][['id', 'tag']]",
)
FEW_OF_WIDE = Question(
    "three of 500 columns",
    WIDE,
    "transform",
    {"where": "$column > 500", "columns": ["c0", "$column", "c499"]},
    "lf.filter(c('$column') > 500).select('c0', '$column', 'c499')",
    "SELECT c0, $column, c499 FROM input WHERE $column > 500",
    "df[df.$column > 500][['c0', '$column', 'c499']]",
)
NARROW_MAP = Question(
    "two columns",
    NARROW,
    "transform",
    {"assign": {"more": "v * $factor"}},
    "lf.with_columns(more=c('v') * $factor)",
    "SELECT *, v * CAST($factor AS DOUBLE) FROM input",
    "df.assign(more=df.v * $factor)",
)
HOSTILE_MAP = Question(
    "hostile file",
    HOSTILE,
    "transform",
    {"where": "quantity >= 50", "assign": {"twice": "quantity * 2"}},
    "lf.filter(c('quantity') >= 50).with_columns(twice=c('quantity') * 2)",
    "SELECT *, quantity * 2 FROM input WHERE quantity >= 50",
    "df[df.quantity >= 50].assign(twice=lambda d: d.quantity * 2)",
)
QUESTIONS: tuple[Question, ...] = (
    MAP,
    AGGREGATE,
    BY_CARRIER,
    _groups("by two columns", FLIGHTS, ["$key", "$other"], {"arr_delay": ["mean", "std"]}),
    _groups("by three columns", FLIGHTS, ["month", "day", "$key"], {"dep_delay": ["$metric"]}),
    _groups("by month", FLIGHTS, ["month"], {"arr_delay": ["mean"]}),
    _groups("by tail number", FLIGHTS, ["tailnum"], {"arr_delay": ["mean", "sum"]}),
    _groups("by date", FLIGHTS, ["time_hour"], {"air_time": ["$metric"]}),
    _groups("by a float", MAIN, ["price"], {"quantity": ["count", "$metric"]}),
    _groups("a million groups", NARROW, ["k"], {"v": ["$metric"]}),
    _groups("median, nunique", FLIGHTS, ["carrier"], {"arr_delay": ["median", "nunique"]}),
    _groups(
        "every metric",
        FLIGHTS,
        ["$key"],
        {
            "air_time": ["count", "sum", "mean", "min", "max", "std", "var", "median", "nunique", "first", "last"],
        },
    ),
    DELAYED,
    LOWER,
    HOURS,
    CONTAINS,
    _groups("text by tag", TEXT, ["tag"], {"author": ["nunique"], "score": ["$metric"]}),
    FEW_OF_WIDE,
    _groups("wide by key", WIDE, ["key"], {"${column}": ["sum"], "c499": ["mean"]}),
    NARROW_MAP,
    _statistics("statistics", FLIGHTS, ["arr_delay", "distance"]),
    _pandas_code(MAP, "map in pandas code", "map"),
    _pandas_code(AGGREGATE, "aggregate in pandas code", "aggregate"),
    _groups("gz by carrier", File("flights", suffix=".gz"), ["carrier"], {"arr_delay": ["mean", "max"]}),
    _groups("zst by carrier", File("flights", suffix=".zst"), ["carrier"], {"arr_delay": ["mean", "max"]}),
    Question(
        "map, 1 MB",
        File("main", size=10**6),
        *(getattr(MAP, name) for name in ("processor", "options", "polars", "duckdb", "pandas")),
    ),
    _groups("by carrier, 10 MB", File("flights", size=10**7), ["carrier"], {"arr_delay": ["mean", "max"]}),
    HOSTILE_MAP,
    *RECORD_QUESTIONS,
)
