"""Evaluates the tree of an expression on columns of equal length: numpy arrays or pandas Series.

Columns of plain numbers and `operands` do not need pandas, whose import takes longer than most evaluations: numpy is
enough for operations where numpy and pandas agree. For all others, `NeedsPandas` requests Series.

The dtype of a result depends only on the dtypes of its operands, never on their values, so it is the same in every
block of a file.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any

import numpy as np

from csvswarm.errors import OptionError
from csvswarm.expressions.members import FUNCTIONS
from csvswarm.expressions.operands import NeedsPandas, Operand, Text
from csvswarm.expressions.tree import MAX_TEXT, Apply, Column, Node

Array = np.ndarray[Any, Any]

_KINDS = {"i": "int", "f": "float", "b": "bool", "M": "timestamp", "m": "duration"}
_CONSTANTS = {bool: "bool", int: "int", float: "float", str: "text", type(None): "nothing"}
NUMBERS = ("int", "float")


def evaluate(node: Node, columns: Mapping[str, Any]) -> Any:
    """Return the value of a tree: an array or a Series, as the columns are, or a constant.

    Raises OptionError if an operation does not accept the kinds of its operands.
    """
    if isinstance(node, Apply):
        return apply(node.name, [evaluate(inner, columns) for inner in node.nodes], dict(node.literals))
    if isinstance(node, Column):
        if node.name not in columns:
            raise NeedsPandas
        return columns[node.name]
    return node.value


def apply(name: str, values: list[Any], literals: dict[str, Any]) -> Any:
    """Return the result of one operation."""
    if name in _OPERATORS:
        return _OPERATORS[name](name, *values, **literals)
    if isinstance(values[0], Text):
        values = [values[0].texts(), *values[1:]]
    if any(isinstance(value, Operand) for value in values):
        from csvswarm.expressions.arrow_operands import call as call_arrow  # imports pyarrow

        return call_arrow(name, values, literals)
    if name in _FUNCTIONS:
        return _constant(_FUNCTIONS[name](*[_number(f"{name}()", value) for value in values]))
    if any(isinstance(value, np.ndarray) for value in values):
        raise NeedsPandas
    if is_constant(values[0]):
        raise OptionError(f"{name} takes a column, not the constant {values[0]!r:.200}")
    from csvswarm.expressions.series_methods import call  # imports pandas

    return call(name, values, literals)


def is_constant(value: Any) -> bool:
    """Whether a value is the same for all rows."""
    return not hasattr(value, "dtype")


def kind_of(value: Any) -> str:
    """Return int, float, bool, text, timestamp, duration or list (of texts)."""
    if is_constant(value):
        return _CONSTANTS[type(value)]
    kind: str = value.dtype.kind
    return _KINDS.get(kind) or ("text" if value.dtype == "str" else "list")


def _number(name: str, value: Any) -> Any:
    if kind_of(value) not in NUMBERS:
        raise OptionError(f"{name} takes numbers, not {kind_of(value)}")
    return value


def _truth(name: str, value: Any) -> Any:
    if kind_of(value) != "bool":
        raise OptionError(f"{name} takes booleans, not {kind_of(value)}")
    return value


def _arithmetic(name: str, left: Any, right: Any) -> Any:
    kinds = kind_of(left), kind_of(right)
    if kinds == ("bool", "bool"):
        raise OptionError(f"{name} takes numbers, not bool: use 'and' and 'or', or .astype('int')")
    if all(kind in (*NUMBERS, "bool") for kind in kinds):
        left, right = _as_number(left), _as_number(right)
        if is_constant(left) and is_constant(right):
            return _of_constants(name, left, right)
        if name in ("//", "%"):
            return _divided(name, left, right)
        if name == "**" and kind_of(left) == kind_of(right) == "int" and not (is_constant(right) or is_plain(right)):
            from csvswarm.expressions.series_methods import raised  # imports pandas

            return raised(left, right)
    elif (name, *kinds) not in _OTHER:
        raise OptionError(f"{name} is not defined for {kinds[0]} and {kinds[1]}")
    value = _ARITHMETIC[name](left, right)
    return bounded(value) if kinds[0] == "text" else value


#: Kinds of values that are computed besides numbers.
_OTHER = {
    ("+", "text", "text"),
    ("-", "timestamp", "timestamp"),
    ("-", "timestamp", "duration"),
    ("+", "timestamp", "duration"),
    ("+", "duration", "timestamp"),
    ("+", "duration", "duration"),
    ("-", "duration", "duration"),
    ("/", "duration", "duration"),
}


def bounded(value: Any) -> Any:
    """Return texts unchanged. Raises OptionError if one is longer than `MAX_TEXT`."""
    if is_constant(value):
        if len(value) > MAX_TEXT:
            raise OptionError(f"a text grows beyond {MAX_TEXT} characters")
        return value
    from csvswarm.expressions.string_methods import bounded_texts  # imports pandas

    return bounded_texts(value)


def _as_number(value: Any) -> Any:
    if kind_of(value) != "bool":
        return value
    return int(value) if is_constant(value) else value.astype("int64" if is_plain(value) else "Int64")


def is_plain(value: Any) -> bool:
    """Whether a column cannot contain pandas' NA."""
    return isinstance(value.dtype, np.dtype)


def _of_constants(name: str, left: Any, right: Any) -> Any:
    if name == "**" and abs(right) > 1024:
        raise OptionError(f"{right} is too large an exponent")
    return _constant(_ARITHMETIC[name](left, right))


def _constant(value: Any) -> Any:
    """Return a constant as a Python object instead of a numpy scalar; other values unchanged."""
    if getattr(value, "ndim", 0):
        return value
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise OptionError("a constant grows beyond 64 bits")
    if not isinstance(value, (int, float)) or not np.isfinite(value):
        raise OptionError("a constant is not a number")
    return value


def _divided(name: str, left: Any, right: Any) -> Any:
    """Return `//` or `%`.

    pandas returns floats for integers if a block contains a zero divisor. Here the result of a division by zero is
    missing, and the column is Int64 in every block.
    """
    if is_constant(right) and right != 0:
        return _ARITHMETIC[name](left, right)
    if any(isinstance(value, (np.ndarray, Operand)) for value in (left, right)):
        raise NeedsPandas
    if kind_of(left) == kind_of(right) == "int":
        from csvswarm.expressions.series_methods import integers_divided  # imports pandas

        return integers_divided(_ARITHMETIC[name], left, right)
    return _ARITHMETIC[name](left, right)


def _chain(_: str, *values: Any, operators: tuple[str, ...]) -> Any:
    """Return whether each value compares as requested to the next one."""
    pairs = zip(operators, values, values[1:], strict=False)
    return reduce(operator.and_, [compare(sign, left, right) for sign, left, right in pairs])


def _link(name: str, *values: Any) -> Any:
    return reduce(operator.and_ if name == "and" else operator.or_, [_truth(name, value) for value in values])


def _not(name: str, value: Any) -> Any:
    return not value if is_constant(_truth(name, value)) else ~value


def _signed(name: str, value: Any) -> Any:
    return -_number("-", value) if name == "neg" else _number("+", value)


def compare(sign: str, left: Any, right: Any) -> Any:
    """Return a comparison, row by row; missing values compare as in pandas."""
    kinds = kind_of(left), kind_of(right)
    if not all(kind in (*NUMBERS, "bool") for kind in kinds):
        left, right = _comparable(left, right, *kinds)
    return _COMPARISONS[sign](left, right)


def _comparable(left: Any, right: Any, *kinds: str) -> tuple[Any, Any]:
    """Return operands of one kind: a text compared with a timestamp or a duration is converted to one."""
    if kinds in (("text", "text"), ("timestamp", "timestamp"), ("duration", "duration")):
        return left, right
    for one, other in ((0, 1), (1, 0)):
        pair = [left, right]
        if kinds[one] in ("timestamp", "duration") and isinstance(pair[other], str):
            if isinstance(pair[one], Operand):
                raise NeedsPandas
            from csvswarm.expressions.series_methods import moment  # imports pandas

            pair[other] = moment(pair[other], pair[one])
            return pair[0], pair[1]
    raise OptionError(f"{kinds[0]} cannot be compared with {kinds[1]}; set the type of a column with column_types")


_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
    "**": operator.pow,
}
_COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
_FUNCTIONS: dict[str, Callable[..., Any]] = {name: getattr(np, name) for name in (*FUNCTIONS, "arctan2")}
_OPERATORS: dict[str, Callable[..., Any]] = {
    **dict.fromkeys(_ARITHMETIC, _arithmetic),
    **dict.fromkeys(("and", "or"), _link),
    **dict.fromkeys(("neg", "pos"), _signed),
    "compare": _chain,
    "not": _not,
}
