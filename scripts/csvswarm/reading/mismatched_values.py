"""Finds the values of a column that do not fit its declared type."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from csvswarm.runtime.lazy_imports import pa, pc
from csvswarm.types.conversion import TextConverter

_DATE = "(1[6-9]|20)[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])"
#: Patterns that only match values of a type, without surrounding blanks; and patterns that match all of them.
_SURE = {
    "int": "^-?[0-9]{1,18}$",
    "float": r"^-?[0-9]{1,15}(\.[0-9]{1,15})?$",
    "timestamp": f"^{_DATE}([ T]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9])?$",
    "bool": "^(True|TRUE|true|False|FALSE|false)$",
}
_LIKELY = {
    "int": "^[-+]?[0-9]",
    "float": r"^[-+]?([0-9]|\.[0-9]|[iI][nN]|[nN][aA])",
    "timestamp": "^[0-9]{4}-[0-9]{2}-[0-9]{2}",
    "bool": "^(True|TRUE|true|False|FALSE|false)$",
}


def mismatched_values(converter: TextConverter, text: pa.Array, kind: str) -> npt.NDArray[np.bool_]:
    """Return a mask of the values of a text column that do not fit the type `kind`."""
    if converter.convert(text, kind, declared=True) is not None:
        return np.zeros(len(text), dtype=bool)
    bare = pc.ascii_trim(text, " \t")
    missing = pc.or_(pc.is_null(text), pc.is_in(bare, value_set=pa.array(converter.null_values, pa.string())))
    fitting = pc.or_(missing, pc.fill_null(pc.match_substring_regex(bare, _SURE[kind]), False))
    likely = pc.fill_null(pc.match_substring_regex(bare, _LIKELY[kind]), False)
    doubtful = bare.filter(pc.and_not(likely, fitting)).unique()
    found = [value for value in doubtful if _fits(converter, value, kind)]  # each distinct text is tried once
    fitting = pc.or_(fitting, pc.is_in(bare, value_set=pa.array(found, pa.string()), skip_nulls=True))
    return ~np.asarray(fitting.to_numpy(zero_copy_only=False), dtype=bool)


def _fits(converter: TextConverter, value: Any, kind: str) -> bool:
    return converter.convert(pa.array([value.as_py()], pa.string()), kind, declared=True) is not None
