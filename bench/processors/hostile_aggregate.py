"""Sum and count of the quantity by category, in the hostile file."""

import pandas as pd

columns = ["category", "quantity"]


def process(block: pd.DataFrame, _: object) -> pd.DataFrame:
    """Return the metrics of a block."""
    return block.groupby("category")["quantity"].agg(["count", "sum"]).reset_index()


def combine(partials: list[pd.DataFrame], _: object) -> pd.DataFrame:
    """Return the combined metrics of several blocks."""
    return pd.concat(partials).groupby("category", as_index=False).sum()


def finish(result: pd.DataFrame, _: object) -> pd.DataFrame:
    """Return the final table."""
    return result
