"""Questions for processors of records, and for profiles, in the languages that bench/questions.py explains."""

from __future__ import annotations

import re
from collections.abc import Sequence

from bench.files import File
from bench.question import Question

DRAWN = 10_000
#: Figures of a profile: name -> the form of Polars, SQL and pandas, of a column x.
COMMON = {
    "column": ("pl.lit('x')", "'x'", "x"),
    "count": ("c('x').count()", "count(x)", "s.count()"),
    "missing": ("c('x').null_count()", "count(*) - count(x)", "s.isna().sum()"),
    "distinct": ("c('x').drop_nulls().n_unique()", "count(DISTINCT x)", "s.nunique()"),
    "min": ("c('x').min()", "min(x)", "s.dropna().min()"),
    "max": ("c('x').max()", "max(x)", "s.dropna().max()"),
}
NUMBERS = {
    "mean": ("c('x').mean()", "avg(x)", "s.mean()"),
    **{
        f"p{percent}": (
            f"c('x').quantile({percent / 100}, 'linear')",
            f"quantile_cont(x, {percent / 100})",
            f"s.quantile({percent / 100})",
        )
        for percent in (5, 25, 50, 75, 95)
    },
}
TEXTS = {
    f"{name}_length": (f"c('x').str.len_chars().{name}()", f"{name}(length(x))", f"s.str.len().{name}()")
    for name in ("min", "max", "mean")
}


def _profile(name: str, columns: Sequence[str], own: dict[str, tuple[str, str, str]]) -> Question:
    """Return the question for a profile. Peers compute only the figures that are compared, csvswarm all."""
    figures = COMMON | own
    polars = ", ".join(f"{form}.alias('{figure}')" for figure, (form, _, _) in figures.items())
    sql = ", ".join(form for _, form, _ in figures.values())
    pandas = ", ".join(form for _, _, form in figures.values())
    return Question(
        name,
        File("flights"),
        "profile",
        {"columns": list(columns)},
        f"pl.concat([{', '.join(f'lf.select({_named(polars, column)})' for column in columns)}])",
        " UNION ALL ".join(f"SELECT {_named(sql, column)} FROM input" for column in columns),
        f"pd.DataFrame([[{pandas}] for x, s in df[{list(columns)}].items()])",
        compared=tuple(figures),
    )


def _named(forms: str, column: str) -> str:
    return re.sub(r"\bx\b", column, forms)


SORT = Question(
    "sort",
    File("main"),
    "sort",
    {"by": ["price", "id"], "ascending": [False, True]},
    "lf.sort(['price', 'id'], descending=[True, False], nulls_last=True)",
    "SELECT * FROM input ORDER BY price DESC NULLS LAST, id",
    "df.sort_values(['price', 'id'], ascending=[False, True])",
)
DISTINCT = Question(
    "distinct",
    File("main"),
    "distinct",
    {"by": ["category", "quantity"]},
    "lf.unique(['category', 'quantity'], keep='first', maintain_order=True)",
    "SELECT * FROM input QUALIFY row_number() OVER (PARTITION BY category, quantity ORDER BY id) = 1 ORDER BY id",
    "df.drop_duplicates(['category', 'quantity'])",
)
TOP = Question(
    "top of each group",
    File("main"),
    "top",
    {"by": ["price", "id"], "ascending": [False, True], "n": 10, "group_by": ["category"]},
    "lf.sort(['category', 'price', 'id'], descending=[False, True, False], nulls_last=True)"
    ".group_by('category', maintain_order=True).head(10).select(lf.collect_schema().names())",
    "SELECT * FROM input QUALIFY row_number() OVER (PARTITION BY category ORDER BY price DESC NULLS LAST, id) <= 10 "
    "ORDER BY category, price DESC NULLS LAST, id",
    "df.sort_values(['category', 'price', 'id'], ascending=[True, False, True]).groupby('category').head(10)",
)
JOIN = Question(
    "join a lookup",
    File("main"),
    "join",
    {"file": "categories.csv", "on": ["category"]},
    "lf.join(pl.scan_csv('bench/categories.csv'), on='category', how='left', maintain_order='left')",
    "SELECT i.*, family, rank FROM input AS i LEFT JOIN 'bench/categories.csv' AS l ON i.category = l.category",
    "df.merge(pd.read_csv('bench/categories.csv', dtype={'rank': 'Int64'}), 'left', 'category')",
    files=("bench/categories.csv",),
)
SAMPLE = Question(
    "sample",
    File("main"),
    "sample",
    {"n": DRAWN},
    f"lf.filter(pl.int_range(pl.len()).shuffle() < {DRAWN})",
    f"SELECT * FROM input USING SAMPLE reservoir({DRAWN} ROWS)",
    f"df.sample(min({DRAWN}, len(df))).sort_index()",
    is_random=True,
)
CONVERT = Question("convert", File("main"), "convert", {}, "lf", "SELECT * FROM input", "df")

RECORD_QUESTIONS = (
    SORT,
    DISTINCT,
    TOP,
    JOIN,
    SAMPLE,
    CONVERT,
    _profile("profile of numbers", ["arr_delay", "distance"], NUMBERS),
    _profile("profile of text", ["carrier", "tailnum", "dest"], TEXTS),
)
