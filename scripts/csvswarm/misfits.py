"""Which values of a column do not fit the type the user gave it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from .lean import pa, pc
from .schema import Values

_DATE = "(1[6-9]|20)[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])"
#: What surely is a value of a type; what only may be one is tried, a distinct text once.
_SURE = {
    "int": "^-?[0-9]{1,18}$",
    "float": r"^-?[0-9]{1,15}(\.[0-9]{1,15})?$",
    "timestamp": f"^{_DATE}([ T]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9])?$",
    "bool": "^(True|TRUE|true|False|FALSE|false)$",
}


def misfits(values: Values, text: pa.Array, kind: str) -> npt.NDArray[np.bool_]:
    """Return a mask of the values of a column of text, missing ones among them, that do not fit the type `kind`."""
    if values.convert(text, kind, fixed=True) is not None:
        return np.zeros(len(text), dtype=bool)
    doubtful = text.filter(pc.invert(pc.match_substring_regex(text, _SURE[kind]))).unique().drop_null()
    bad = [value for value in doubtful if not _fits(values, value, kind)]
    mask = pc.is_in(text, value_set=pa.array(bad, pa.string()), skip_nulls=True)
    return np.asarray(mask.to_numpy(zero_copy_only=False), dtype=bool)


def _fits(values: Values, value: Any, kind: str) -> bool:
    return values.convert(pa.array([value.as_py()], pa.string()), kind, fixed=True) is not None
