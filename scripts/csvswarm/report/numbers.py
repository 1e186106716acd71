"""Formats numbers, sizes and times for people: with units, and times with their zone."""

from __future__ import annotations

from datetime import UTC, datetime


def count_text(number: float) -> str:
    """Return a whole number with separators."""
    return f"{number:,.0f}"


def size_text(size: float) -> str:
    """Return an amount of bytes in decimal units.

    >>> size_text(999), size_text(2_260_000), size_text(12e9)
    ('999 B', '2.26 MB', '12.0 GB')
    """
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} B" if unit == "B" else f"{size:.{2 if size < 10 else 1 if size < 100 else 0}f} {unit}"
        size /= 1000
    return f"{size:,.1f} TB"


def seconds_text(seconds: float) -> str:
    """Return a duration.

    >>> seconds_text(0.0123), seconds_text(3.14159), seconds_text(95), seconds_text(7322)
    ('12 ms', '3.14 s', '1 min 35 s', '2 h 2 min')
    """
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def share_text(share: float) -> str:
    """Return a share in per cent."""
    return f"{share * 100:.{1 if 0 < share < 0.095 else 0}f} %"


def moment_text(moment: float) -> str:
    """Return a time, given in seconds since 1970, in the time zone of this machine."""
    return datetime.fromtimestamp(moment, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S %Z")


def number_text(number: float) -> str:
    """Return a figure of a result with about six digits."""
    return f"{number:,.0f}" if number == int(number) and abs(number) < 1e15 else f"{number:,.6g}"
