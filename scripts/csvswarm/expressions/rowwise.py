"""Expressions over columns in the syntax of pandas' query and eval, parsed, validated and evaluated by csvswarm.

An expression sees one block at a time, so it may use only row-wise operations: operators, element-wise functions and
methods. `price.mean()` would differ from block to block and is refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from csvswarm.errors import OptionError, format_names
from csvswarm.expressions.numpy_eval import Array, evaluate, is_constant, kind_of
from csvswarm.expressions.operands import NeedsPandas, Operand
from csvswarm.expressions.tree import names_in, parse, shown


class Expression:
    """One expression over columns named `known`. where: its origin, for messages.

    Raises OptionError if it cannot be parsed, names an unknown column, or is not row-wise.
    """

    def __init__(self, text: str, known: Sequence[str], where: str) -> None:
        self._text, self._where = text.strip(), where
        try:
            self._tree = parse(self._text)
        except OptionError as error:
            raise OptionError(f"{where} {error}") from error
        self.columns = set(names_in(self._tree))
        for name in sorted(self.columns - set(known)):
            raise OptionError(f"{where} names a column {name!r}, but the columns are: {format_names(list(known))}.")

    def evaluate_without_pandas(self, columns: Mapping[str, Array | Operand]) -> Array | Operand | None:
        """Return the expression's values on columns of plain numbers or operands; None if it needs pandas."""
        try:
            with np.errstate(all="ignore"):
                value = evaluate(self._tree, columns)
        except (NeedsPandas, OptionError, ArithmeticError, ValueError):
            return None
        return value if isinstance(value, (np.ndarray, Operand)) else None

    def value(self, columns: Any, index: Any = None) -> Any:
        """Return the expression's value as a Series. columns: a DataFrame, or Series by name with their `index`."""
        try:
            with np.errstate(all="ignore"):
                value = evaluate(self._tree, columns)
        except (MemoryError, RecursionError):
            raise
        except Exception as error:
            kind = "" if isinstance(error, OptionError) else f"{type(error).__name__}: "
            raise OptionError(f"{self._where}: {shown(self._text)} fails: {kind}{error}.") from error
        if is_constant(value):
            import pandas as pd  # imported late: the split checks expressions without pandas

            dtype = {"int": "int64", "float": "float64", "bool": "bool", "text": "str"}[kind_of(value)]
            return pd.Series(value, index=columns.index if index is None else index, dtype=dtype)
        if kind_of(value) == "list":
            raise OptionError(f"{self._where}: {shown(self._text)} returns lists: choose an element with .str.get().")
        return value

    def mask(self, frame: Any) -> npt.NDArray[np.bool_]:
        """Return a mask of the rows for which the expression is true; a missing value is false."""
        value = self.value(frame)
        if kind_of(value) != "bool":
            raise OptionError(
                f"{self._where}: {shown(self._text)} returns {value.dtype}, "
                "but must return true or false for every row."
            )
        return np.asarray(value.fillna(False), dtype=bool)
