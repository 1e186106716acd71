"""A lookup file in memory: its columns as text and by type, and the row of each key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from csvswarm.errors import BadRecord, InputError, OptionError, format_names, shown
from csvswarm.groupby.group_table import present_mask
from csvswarm.input.header import open_layout, with_source_name
from csvswarm.input.layout import Given
from csvswarm.input.source import find_source
from csvswarm.reading.block_reader import Reader
from csvswarm.records.sort_key import sort_key
from csvswarm.runtime.lazy_imports import pa, pc
from csvswarm.types.conversion import TextConverter
from csvswarm.types.schema import NULL_VALUES, Schema, resolve

#: A larger file does not fit in the memory of a worker on a small board.
MAX_BYTES = 128 << 20


Positions = npt.NDArray[np.int64]


class Lookup:
    """The rows of a lookup file. text: its columns as text, missing values as null; shape (n,) each."""

    def __init__(self, path: Path, text: pa.Table) -> None:
        self.name, self._text = path.name, text
        self._indexes: dict[tuple[tuple[str, ...], tuple[str, ...]], _Index] = {}
        self._converter = TextConverter()

    @property
    def names(self) -> list[str]:
        return list(self._text.column_names)

    def require(self, columns: Sequence[str], where: str) -> None:
        """Raise OptionError if the file lacks one of the columns."""
        for column in columns:
            if column not in self.names:
                raise OptionError(
                    f"{where} names a column {column!r}, but {self.name} has: {format_names(self.names)}."
                )

    def text(self, column: str) -> pa.Array:
        """Return a column as text."""
        return self._text.column(column).combine_chunks()

    @cached_property
    def types(self) -> dict[str, str]:
        """The type of each column, as of an input."""
        return {name: resolve(self._converter.kinds(self.text(name))) for name in self.names}

    def values(self, column: str) -> pa.Array:
        """Return a column in its type."""
        return self._converter.convert(self.text(column), self.types[column])

    def rows_of(self, keys: Sequence[pa.Array], types: Sequence[str], columns: Sequence[str]) -> Positions:
        """Return the row of each key, -1 if it is not found or a value is missing.

        keys: columns of the input with these types. columns: the columns of this file to match. Raises OptionError if
        they do not have these types, or a key occurs twice.
        """
        index = self._index(tuple(columns), tuple(types))
        alike = [key.cast(kind, safe=False) for key, kind in zip(keys, index.types, strict=True)]
        found = pc.index_in(sort_key(alike, [True] * len(alike)), value_set=index.keys).fill_null(-1).to_numpy()
        found = np.where(_present(alike), found, -1)
        return np.where(found >= 0, index.rows[found], -1) if len(index.rows) else found

    def _index(self, columns: tuple[str, ...], types: tuple[str, ...]) -> _Index:
        if (columns, types) not in self._indexes:
            values = [self._as_type(column, kind) for column, kind in zip(columns, types, strict=True)]
            rows = np.flatnonzero(_present(values))
            keys = sort_key([column.take(pa.array(rows)) for column in values], [True] * len(values))
            self._check_unique(keys, rows, columns)
            self._indexes[columns, types] = _Index(keys, rows, [column.type for column in values])
        return self._indexes[columns, types]

    def _as_type(self, column: str, kind: str) -> pa.Array:
        """Return a column as values of a type of the input; integers become floats if this file has floats."""
        text = self.text(column)
        candidates = {"int": ["int", "float"], "null": ["text"], "quoted": ["text"]}.get(kind, [kind])
        for candidate in candidates:
            if (values := self._converter.convert(text, candidate, declared=True)) is not None:
                return values
        raise OptionError(
            f"column {column!r} of {self.name} is {self.types[column]}, but the input's is {kind}: pass column_types "
            "to read the input's as text."
        )

    def _check_unique(self, keys: pa.Array, rows: Positions, columns: Sequence[str]) -> None:
        encoded = keys.dictionary_encode()
        if len(encoded.dictionary) == len(keys):
            return
        first: dict[int, int] = {}
        for row, code in zip(rows.tolist(), encoded.indices.to_pylist(), strict=True):
            if first.setdefault(code, row) != row:
                key = ", ".join(shown(str(self.text(column)[row].as_py())) for column in columns)
                raise OptionError(
                    f"{self.name} has the key {key!r} twice, in records {first[code] + 1} and {row + 1}: remove one of "
                    "them, for example with the processor distinct."
                )


@dataclass(frozen=True)
class _Index:
    """The keys of a lookup file, the row of each, and the Arrow types of their values."""

    keys: pa.Array
    rows: Positions
    types: list[Any]


def _present(columns: Sequence[pa.Array]) -> npt.NDArray[np.bool_]:
    """Return a mask of the rows with a value in every column."""
    mask: npt.NDArray[np.bool_] = np.logical_and.reduce([present_mask(column) for column in columns])
    return mask


def read_lookup(path: Path) -> Lookup:
    """Return a lookup file, which is read once. Raises InputError and OptionError."""
    status = path.stat()
    return _read_lookup(path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=4)
def _read_lookup(path: Path, _size: int, _mtime: int) -> Lookup:
    nulls = list(NULL_VALUES)
    source = find_source(path)
    try:
        source, header = open_layout(source, Given(), nulls)
        with source.open() as file:
            data = _read(file, source.path)[header.data_offset :]
    except InputError as error:
        raise with_source_name(source, error) from error
    schema = Schema({name: frozenset({"text"}) for name in header.names})
    reader = Reader(
        dialect=header.dialect,
        names=header.names,
        schema=schema,
        columns=header.names,
        null_values=nulls,
        source=str(path),
    )
    try:
        rows = reader.read(data, 1) if data.strip(b"\r\n") else reader.empty()
    except BadRecord as error:
        raise InputError(str(error).replace(", or add -e on_error=quarantine to write such records", "")) from error
    return Lookup(path, rows.table)


def _read(file: Any, path: Path) -> bytes:
    parts = []
    size = 0
    while piece := file.read(1 << 20):
        size += len(piece)
        if size > MAX_BYTES:
            raise InputError(f"{path} has more than {MAX_BYTES >> 20} MB: a lookup file must fit in memory.")
        parts.append(piece)
    return b"".join(parts)
