"""One schema for the whole file: the kinds of values in each column, and the type that follows from them.

Kinds are collected as sets, so the order of values does not matter; as kinds are added, the type of a set only moves up
the chain null < quoted < bool or int < float < text. This makes sampling safe: a value that would change the type does
not fit the current one, and every reader verifies that its values fit.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from csvswarm.errors import OptionError, format_names
from csvswarm.runtime.lazy_imports import pa
from csvswarm.types.formats import STYLES

#: Texts that pandas reads as missing; in a text column, only unquoted ones.
NULL_VALUES = (
    "",
    "#N/A",
    "#N/A N/A",
    "#NA",
    "-1.#IND",
    "-1.#QNAN",
    "-NaN",
    "-nan",
    "1.#IND",
    "1.#QNAN",
    "<NA>",
    "N/A",
    "NA",
    "NULL",
    "NaN",
    "None",
    "n/a",
    "nan",
    "null",
)
TRUE = ("True", "TRUE", "true")
FALSE = ("False", "FALSE", "false")

TYPES = ("text", "int", "float", "bool", "timestamp")
ALIASES = {
    "str": "text",
    "string": "text",
    "object": "text",
    "category": "text",
    "int64": "int",
    "integer": "int",
    "float64": "float",
    "double": "float",
    "number": "float",
    "percent": "float",
    "currency": "float",
    "boolean": "bool",
    "datetime": "timestamp",
    "datetime64": "timestamp",
    "datetime64[ns]": "timestamp",
}
NUMERIC = ("null", "int", "float")


class _LazyArrowTypes(dict[str, Any]):
    """Arrow's type for each type of csvswarm, created on first use, because that imports pyarrow."""

    def __missing__(self, kind: str) -> Any:
        types = {"int": pa.int64, "bool": pa.bool_, "text": pa.string, "quoted": pa.string}
        self[kind] = pa.timestamp("us") if kind == "timestamp" else types.get(kind, pa.float64)()
        return self[kind]


ARROW = _LazyArrowTypes()


@dataclass(frozen=True)
class Schema:
    """kinds: kinds of values found per column. declared_types: types given by the user. missing: columns with gaps.

    output: kinds of the columns that the processor writes, in order, once they are known to differ between blocks.
    """

    kinds: dict[str, frozenset[str]]
    declared_types: dict[str, str] = field(default_factory=dict)
    missing: frozenset[str] = frozenset()
    output: tuple[str | None, ...] = ()

    def type_of(self, column: str) -> str:
        """Return the type of a column: one of `TYPES`, "null" (no value) or "quoted" (only "", "NA", ...)."""
        return self.declared_types.get(column) or resolve(self.kinds[column])

    def read_as(self, columns: Iterable[str]) -> dict[str, str]:
        """Return how columns are read: their types, followed by "?" where values are missing."""
        return {column: self.type_of(column) + "?" * (column in self.missing) for column in columns}

    @property
    def types(self) -> dict[str, str]:
        return {column: self.type_of(column) for column in self.kinds}

    def widen(self, observed: Iterable[tuple[dict[str, str], Iterable[str]]]) -> Schema:
        """Return a schema that also fits the observed kinds, which are joined by "+"."""
        kinds, missing = dict(self.kinds), set(self.missing)
        for columns, gaps in observed:
            missing |= set(gaps)
            for column, seen in columns.items():
                kinds[column] = kinds[column] | set(seen.split("+") if seen else ())
        return Schema(kinds, self.declared_types, frozenset(missing), self.output)

    def to_json(self) -> dict[str, Any]:
        return {
            "types": self.types,
            "kinds": {column: sorted(kinds) for column, kinds in self.kinds.items()},
            "fixed": self.declared_types,
            "missing": sorted(self.missing),
            "output": list(self.output),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Schema:
        kinds = {column: frozenset(kinds) for column, kinds in data["kinds"].items()}
        return cls(kinds, data["fixed"], frozenset(data["missing"]), tuple(data["output"]))


def resolve(kinds: Iterable[str]) -> str:
    """Return the type that follows from a set of kinds.

    >>> resolve({"int"}), resolve({"int", "float"}), resolve({"int", "bool"}), resolve({"quoted"}), resolve(())
    ('int', 'float', 'text', 'quoted', 'null')
    """
    kinds = set(kinds)
    if not kinds:
        return "null"
    if kinds == {"quoted"}:
        return "quoted"
    kinds -= {"quoted"}
    if kinds <= {"int", "float"}:
        return "float" if "float" in kinds else "int"
    return "bool" if kinds == {"bool"} else "text"


def check_types(column_types: dict[str, Any], names: Sequence[str]) -> dict[str, str]:
    """Return the user's column types by csvswarm's names. Raises OptionError for an unknown column or type."""
    declared = {}
    for column, given in column_types.items():
        if column not in names:
            raise OptionError(f"column_types names a column {column!r}, but the file has {format_names(names)}.")
        name = ALIASES.get(str(given), str(given))
        if name not in TYPES:
            raise OptionError(
                f"column_types gives {column!r} the type {given!r}: use one of {', '.join([*TYPES, *STYLES])}."
            )
        declared[column] = name
    return declared
