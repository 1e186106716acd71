"""Polars, lazy, with its streaming engine. POLARS_MAX_THREADS sets its number of threads."""

from __future__ import annotations

import polars as pl

from bench.peers.arguments import arguments


def answer(work: str, frame: pl.LazyFrame) -> pl.LazyFrame:
    """Return the query of a work."""
    price, quantity = pl.col("price"), pl.col("quantity")
    if work == "map":
        new = {"total": price * quantity, "km": pl.col("latitude") * 111.2}
        return frame.filter(quantity >= 500).with_columns(**new)
    if work == "aggregate":
        figures = {"count": price.count(), "sum": price.sum(), "mean": price.mean()}
        return frame.group_by("category").agg(**figures, min=price.min(), max=price.max()).sort("category")
    if work == "hostile_map":
        return frame.filter(quantity >= 50).with_columns(twice=quantity * 2)
    return frame.group_by("category").agg(count=quantity.count(), sum=quantity.sum()).sort("category")


def main() -> None:
    """Do the work."""
    work, source, output = arguments()
    answer(work, pl.scan_csv(source)).sink_csv(output, engine="streaming")


if __name__ == "__main__":
    main()
