"""Plain expressions computed on columns as they are, without pandas, which takes longer to import than to compute.

What pandas' eval makes of numbers is what numpy makes of them, as long as an expression only compares, adds, subtracts,
multiplies and divides columns of int64 and float64 and numbers, and links comparisons by `and` and `or`. For any other
there is no answer here.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

_ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
#: Constants below are the same as integers and as floats.
_EXACT = 2**53


class _NotPlain(Exception):
    """The expression is not one of those that are computed here."""


def evaluate(tree: ast.expr, columns: Mapping[str, Array]) -> Array | None:
    """Return the values of an expression over columns of one length, None when it is not a plain one."""
    try:
        with np.errstate(all="ignore"):
            value = _value(tree, columns)
    except (_NotPlain, ArithmeticError, TypeError, ValueError):
        return None
    return value if isinstance(value, np.ndarray) else None


def _value(node: ast.expr, columns: Mapping[str, Array]) -> Any:
    if isinstance(node, ast.Name) and node.id in columns:
        return columns[node.id]
    if isinstance(node, ast.Constant) and not isinstance(node.value, bool) and isinstance(node.value, (int, float)):
        if abs(node.value) < _EXACT:
            return node.value
        raise _NotPlain
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return operator.neg(_number(node.operand, columns))
    if isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC:
        if isinstance(node.op, ast.Div) and not _divides_as_pandas(node, columns):
            raise _NotPlain
        return _ARITHMETIC[type(node.op)](_number(node.left, columns), _number(node.right, columns))
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in _COMPARISONS:
        return _COMPARISONS[type(node.ops[0])](_number(node.left, columns), _number(node.comparators[0], columns))
    if isinstance(node, ast.BoolOp):
        truths = [_truth(value, columns) for value in node.values]
        return (np.logical_and if isinstance(node.op, ast.And) else np.logical_or).reduce(truths)
    raise _NotPlain


def _number(node: ast.expr, columns: Mapping[str, Array]) -> Any:
    value = _value(node, columns)
    if isinstance(value, np.ndarray) and value.dtype not in (np.int64, np.float64):
        raise _NotPlain
    return value


def _truth(node: ast.expr, columns: Mapping[str, Array]) -> Array:
    value = _value(node, columns)
    if not isinstance(value, np.ndarray) or value.dtype != np.bool_:
        raise _NotPlain
    return value


def _divides_as_pandas(node: ast.BinOp, columns: Mapping[str, Array]) -> bool:
    """Whether it makes no difference that pandas turns everything below a division into floats first."""
    if all(isinstance(part, (ast.Name, ast.Constant)) for part in (node.left, node.right)):
        return True
    names = [part.id for part in ast.walk(node) if isinstance(part, ast.Name)]
    return all(name in columns and columns[name].dtype == np.float64 for name in names)
