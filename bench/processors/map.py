"""Keep half of the rows and add two columns."""

import pandas as pd


def process(block: pd.DataFrame, _: object) -> pd.DataFrame:
    """Return the kept rows with the new columns."""
    kept = block[block["quantity"] >= 500]
    return kept.assign(total=kept["price"] * kept["quantity"], km=kept["latitude"] * 111.2)
