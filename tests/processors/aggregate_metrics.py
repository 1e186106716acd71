"""The metrics of `aggregate`, by the types of columns they are for."""

from __future__ import annotations

FOR_NUMBERS = ["count", "sum", "mean", "min", "max", "std", "var", "median", "nunique", "first", "last"]
FOR_ANYTHING = ["count", "min", "max", "nunique", "first", "last"]
FOR_NUMBERS_ONLY = ["sum", "mean", "median", "var", "std"]
