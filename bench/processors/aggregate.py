"""Metrics of the price by category."""

import pandas as pd

columns = ["category", "price"]


def process(block: pd.DataFrame, _: object) -> pd.DataFrame:
    """Return the metrics of a block."""
    return block.groupby("category")["price"].agg(["count", "sum", "min", "max"]).reset_index()


def combine(partials: list[pd.DataFrame], _: object) -> pd.DataFrame:
    """Return the combined metrics of several blocks."""
    figures = {"count": "sum", "sum": "sum", "min": "min", "max": "max"}
    return pd.concat(partials).groupby("category", as_index=False).agg(figures)


def finish(result: pd.DataFrame, _: object) -> pd.DataFrame:
    """Return the final table, its columns in order."""
    result["mean"] = result["sum"] / result["count"]
    return result[["category", "count", "sum", "mean", "min", "max"]]
