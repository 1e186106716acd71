"""Convert a column that has text among its numbers: fails on these records."""

import pandas as pd

columns = ["id", "quantity", "price"]


def process(block: pd.DataFrame, _: object) -> pd.DataFrame:
    """Return the rows with a total."""
    return block.assign(total=block["quantity"].astype("int64") * block["price"])
