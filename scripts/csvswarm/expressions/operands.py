"""Columns other than plain numbers that need no pandas: integers with missing values, and text in place.

They have the operations that agree with pandas' Int64, boolean and str to the value; all others need pandas.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from csvswarm.runtime.lazy_imports import pa

if TYPE_CHECKING:
    from csvswarm.expressions.arrow_operands import Texts
    from csvswarm.native.field_values import EncodedNullValues, Mask, Span

Array = np.ndarray[Any, Any]


class NeedsPandas(Exception):
    """An expression cannot be evaluated without pandas."""


class Operand:
    """A column whose operations need pandas unless a subclass defines them."""

    __array_ufunc__ = None  # so that an array as the left operand leaves the operation to this class
    dtype: np.dtype[Any]

    def __hash__(self) -> int:
        return id(self)

    def _refuse(self, *_: Any) -> Any:
        raise NeedsPandas

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = _refuse
    __truediv__ = __rtruediv__ = __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = __pow__ = __rpow__ = _refuse
    __lt__ = __le__ = __gt__ = __ge__ = _refuse
    __eq__ = __ne__ = _refuse
    __and__ = __rand__ = __or__ = __ror__ = __invert__ = __neg__ = __pos__ = astype = _refuse


class Masked(Operand):
    """Integers or booleans with a mask of the missing ones: Int64 and boolean of pandas."""

    __hash__ = Operand.__hash__

    def __init__(self, values: Array, missing: Array) -> None:
        self.values, self.missing, self.dtype = values, missing, values.dtype

    def __getitem__(self, chosen: Array) -> Masked:
        return Masked(self.values[chosen], self.missing[chosen])

    def __len__(self) -> int:
        return len(self.values)

    def _parts(self, other: Any, kinds: str, constants: type | tuple[type, ...]) -> tuple[Any, Any]:
        """Return the values and the missing mask of the other operand. kinds: of its dtype, if it is a column."""
        if isinstance(other, (Masked, np.ndarray)) and other.dtype.kind in kinds:
            return (other.values, other.missing) if isinstance(other, Masked) else (other, False)
        if isinstance(other, (int, float)) and isinstance(other, constants) and -(2**63) <= other < 2**63:
            return other, False
        raise NeedsPandas

    def _compute(self, function: Callable[[Any, Any], Any], other: Any, swapped: bool = False) -> Masked:
        if self.dtype.kind != "i" or isinstance(other, bool):
            raise NeedsPandas
        values, missing = self._parts(other, "i", int)
        result = function(values, self.values) if swapped else function(self.values, values)
        return Masked(result, self.missing | missing)

    def __add__(self, other: Any) -> Masked:
        return self._compute(operator.add, other)

    def __radd__(self, other: Any) -> Masked:
        return self._compute(operator.add, other, swapped=True)

    def __sub__(self, other: Any) -> Masked:
        return self._compute(operator.sub, other)

    def __rsub__(self, other: Any) -> Masked:
        return self._compute(operator.sub, other, swapped=True)

    def __mul__(self, other: Any) -> Masked:
        return self._compute(operator.mul, other)

    def __rmul__(self, other: Any) -> Masked:
        return self._compute(operator.mul, other, swapped=True)

    def _compare(self, function: Callable[[Any, Any], Any], other: Any) -> Masked:
        if self.dtype.kind != "i" or isinstance(other, bool):
            raise NeedsPandas
        values, missing = self._parts(other, "i", (int, float))
        return Masked(function(self.values, values), self.missing | missing)

    def __lt__(self, other: Any) -> Masked:
        return self._compare(operator.lt, other)

    def __le__(self, other: Any) -> Masked:
        return self._compare(operator.le, other)

    def __gt__(self, other: Any) -> Masked:
        return self._compare(operator.gt, other)

    def __ge__(self, other: Any) -> Masked:
        return self._compare(operator.ge, other)

    def __eq__(self, other: object) -> Any:
        return self._compare(operator.eq, other)

    def __ne__(self, other: object) -> Any:
        return self._compare(operator.ne, other)

    def _link(self, other: Any, decisive: bool) -> Masked:
        """Return `and` (decisive: False) or `or`: the decisive value wins over a missing one."""
        if self.dtype.kind != "b":
            raise NeedsPandas
        values, missing = self._parts(other, "b", bool)
        decided = ((self.values == decisive) & ~self.missing) | ((values == decisive) & np.logical_not(missing))
        return Masked(decided == decisive, (self.missing | missing) & ~decided)

    def __and__(self, other: Any) -> Masked:
        return self._link(other, decisive=False)

    def __rand__(self, other: Any) -> Masked:
        return self._link(other, decisive=False)

    def __or__(self, other: Any) -> Masked:
        return self._link(other, decisive=True)

    def __ror__(self, other: Any) -> Masked:
        return self._link(other, decisive=True)

    def __invert__(self) -> Masked:
        return Masked(~self.values, self.missing) if self.dtype.kind == "b" else self._refuse()

    def is_true(self) -> Array:
        """Return a mask of the true values; a missing one is false."""
        true: Array = self.values & ~self.missing
        return true


class ArrowOperand(Operand):
    """A column as an Arrow array. Subclasses define its dtype."""

    __hash__ = Operand.__hash__

    def __init__(self, array: pa.Array) -> None:
        self.array = array

    def __len__(self) -> int:
        return len(self.array)

    def __getitem__(self, chosen: Array) -> Self:
        return type(self)(self.array.filter(pa.array(chosen)))


class Text(Operand):
    """Text in place, to be compared with constants. span: None for no rows. `texts` returns it for other operations."""

    __hash__ = Operand.__hash__
    dtype = np.dtype("U")

    def __init__(self, span: Span | None, null_values: EncodedNullValues | None) -> None:
        self._span, self._null_values = span, null_values

    def __eq__(self, other: object) -> Any:
        if not isinstance(other, str):
            raise NeedsPandas
        if self._span is None or self._null_values is None:
            return np.empty(0, np.bool_)
        from csvswarm.native.field_values import equal

        found: Mask | None = equal(self._span, self._null_values, other)
        if found is None:
            raise NeedsPandas
        return found

    def __ne__(self, other: object) -> Any:
        return ~(self == other)

    def __getitem__(self, chosen: Array) -> Texts:
        return self.texts()[chosen]

    def texts(self) -> Texts:
        """Return the texts as an operand of Arrow."""
        from csvswarm.expressions.arrow_operands import Texts  # imports pyarrow, which comparisons do not need
        from csvswarm.reading.native_block import TextColumn

        if self._span is None or self._null_values is None:
            return Texts(pa.array([], pa.string()))
        return Texts(TextColumn(self._span, self._null_values).arrow())
