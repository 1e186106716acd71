"""Expressions over columns, as pandas' query and eval take them, checked before they run.

An expression sees one block at a time, so it may only use what is decided row by row: operators, element-wise
functions and methods. `price.mean()` would differ from block to block and is refused.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .arithmetic import Array, evaluate
from .errors import OptionError
from .schema import listed

FUNCTIONS = frozenset(
    [
        "sin",
        "cos",
        "tan",
        "exp",
        "log",
        "expm1",
        "log1p",
        "sqrt",
        "sinh",
        "cosh",
        "tanh",
        "arcsin",
        "arccos",
        "arctan",
        "arccosh",
        "arcsinh",
        "arctanh",
        "abs",
        "log10",
        "floor",
        "ceil",
        "arctan2",
    ]
)
METHODS = frozenset(
    ["isna", "isnull", "notna", "notnull", "isin", "between", "fillna", "round", "abs", "clip", "astype"]
)
ACCESSORS = frozenset(("str", "dt"))
NOT_ROWWISE = frozenset(("cat", "get_dummies"))
_BACKTICKS = re.compile(r"`([^`]*)`")
_NODES = (
    ast.Expression, ast.BoolOp, ast.BinOp, ast.UnaryOp, ast.Compare, ast.Name, ast.Constant, ast.List, ast.Tuple,
    ast.Call, ast.Attribute, ast.keyword, ast.Load, ast.boolop, ast.operator, ast.unaryop, ast.cmpop,
)  # fmt: skip


class Expression:
    """One expression over columns named `known`. `where` says in messages where it comes from.

    Raises OptionError when it cannot be read, names no column of the file, or looks at more than one row.
    """

    def __init__(self, text: str, known: Sequence[str], where: str) -> None:
        self._text, self._where = text.strip(), where
        quoted: dict[str, str] = {}

        def stand_in(match: re.Match[str]) -> str:
            name = f"_quoted_{len(quoted)}"
            quoted[name] = match.group(1)
            return name

        try:
            tree = ast.parse(_BACKTICKS.sub(stand_in, self._text), mode="eval")
        except SyntaxError as error:
            raise OptionError(f"{where} cannot be read: {error.msg}, in {self._text!r}.") from error
        called = {
            node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        }
        names = {quoted.get(node.id, node.id) for node in ast.walk(tree) if isinstance(node, ast.Name)} - called
        for name in sorted(names - set(known)):
            raise OptionError(f"{where} names a column {name!r}, but there is: {listed(list(known))}.")
        for name in sorted(called - FUNCTIONS):
            raise OptionError(f"{where} calls {name}(), but knows only {', '.join(sorted(FUNCTIONS))}.")
        for node in ast.walk(tree):
            self._check(node)
        self.columns = names
        self._tree = None if quoted else tree.body

    def _check(self, node: ast.AST) -> None:
        if not isinstance(node, _NODES):
            raise OptionError(f"{self._where} may only compute with columns and values: {self._text!r}.")
        if isinstance(node, ast.Attribute):
            inner = node.value
            of_accessor = isinstance(inner, ast.Attribute) and inner.attr in ACCESSORS and node.attr not in NOT_ROWWISE
            if node.attr.startswith("_") or not (node.attr in ACCESSORS | METHODS or of_accessor):
                raise OptionError(
                    f"{self._where} uses .{node.attr}, which is not decided row by row: a block of rows is all that is "
                    f"seen at a time. Usable are {', '.join(sorted(METHODS))}, .str and .dt."
                )

    def quick(self, columns: Mapping[str, Array]) -> Array | None:
        """Return the expression's values on columns, None when it takes pandas to tell them."""
        return evaluate(self._tree, columns) if self._tree is not None else None

    def value(self, frame: Any) -> Any:
        """Return the expression's value on a frame: a Series, or one value for all rows."""
        try:
            return frame.eval(self._text, engine="python")
        except OptionError:
            raise
        except Exception as error:
            raise OptionError(f"{self._where}: {self._text!r} fails: {type(error).__name__}: {error}.") from error

    def mask(self, frame: Any) -> npt.NDArray[np.bool_]:
        """Return which rows the expression holds for; where its value is missing, it does not hold."""
        import pandas as pd  # only here: the split checks expressions, and need not wait for pandas

        value = self.value(frame)
        if isinstance(value, (bool, np.bool_)):
            return np.full(len(frame), bool(value))
        if not isinstance(value, pd.Series) or not pd.api.types.is_bool_dtype(value.dtype):
            kind = value.dtype if isinstance(value, pd.Series) else type(value).__name__
            raise OptionError(f"{self._where}: {self._text!r} gives {kind}, but must give true or false for every row.")
        return value.fillna(False).to_numpy(dtype=bool)
