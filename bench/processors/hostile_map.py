"""Keep half of the rows and add a column, in the hostile file."""

import pandas as pd


def process(block: pd.DataFrame, _: object) -> pd.DataFrame:
    """Return the kept rows with the new column."""
    kept = block[block["quantity"] >= 50]
    return kept.assign(twice=kept["quantity"] * 2)
