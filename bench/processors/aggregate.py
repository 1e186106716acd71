"""Figures of the price of every category."""

import pandas as pd

columns = ["category", "price"]


def process(block: pd.DataFrame, _: object) -> pd.DataFrame:
    """Return the figures of a block."""
    return block.groupby("category")["price"].agg(["count", "sum", "min", "max"]).reset_index()


def combine(partials: list[pd.DataFrame], _: object) -> pd.DataFrame:
    """Return the figures of several blocks."""
    figures = {"count": "sum", "sum": "sum", "min": "min", "max": "max"}
    return pd.concat(partials).groupby("category", as_index=False).agg(figures)


def finish(result: pd.DataFrame, _: object) -> pd.DataFrame:
    """Return the table asked for, its columns in order."""
    result["mean"] = result["sum"] / result["count"]
    return result[["category", "count", "sum", "mean", "min", "max"]]
