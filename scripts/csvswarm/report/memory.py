"""Plots the peak memory of the attempts and their limit, as dots over the chunks."""

from __future__ import annotations

from typing import Any

from csvswarm.report.numbers import size_text

#: Size of the drawing in units.
WIDTH, HEIGHT = 1000, 120


def memory_plot(attempts: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the dots as the `d` of a path, the limit's height, and the top of the scale; empty without attempts.

    Dots at the same position are drawn once, so the size of the drawing does not grow with the number of attempts.
    """
    peaks = [(one["chunk"], one["peak_bytes"]) for one in attempts if one["peak_bytes"]]
    if not peaks:
        return {}
    limit = max(one["limit_bytes"] for one in attempts)
    most = max(limit, *(peak for _, peak in peaks)) * 1.05
    chunks = max(chunk for chunk, _ in peaks)
    across, down = (WIDTH, HEIGHT) if len(peaks) < 2000 else (WIDTH // 4, HEIGHT // 2)
    cells = {(round((chunk - 0.5) / chunks * across), round((1 - peak / most) * down)) for chunk, peak in peaks}
    dots = "".join(f"M{x * WIDTH // across} {y * HEIGHT // down}h0" for x, y in sorted(cells))
    return {
        "dots": dots,
        "limit": round((1 - limit / most) * HEIGHT) if limit else None,
        "limit_text": size_text(limit),
        "top": size_text(most),
        "chunks": chunks,
        "peak": size_text(max(peak for _, peak in peaks)),
    }
