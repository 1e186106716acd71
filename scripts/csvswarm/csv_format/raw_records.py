"""The raw records of a block, each terminated by one LF."""

from __future__ import annotations

import numpy as np

from csvswarm.csv_format.record_scan import CR, LF, Bytes, Grammar, Positions, blank_records, record_starts


def raw_records(data: bytes, grammar: Grammar) -> tuple[bytes, Positions, Positions]:
    """Return (bytes, ends, toggles) of a block without blank lines, every record terminated by one LF.

    After a quote that is never closed, the rest of the block is the last record, and the number of toggles is odd.
    """
    if data and not data.endswith((b"\n", b"\r")):
        data += b"\n"
    structure = grammar.scan(data)
    ends, toggles = structure.ends, structure.quote_toggles
    if structure.ends_inside_quotes:
        ends = np.append(ends, len(data) - 1)
    array: Bytes = np.frombuffer(data, np.uint8)
    starts = record_starts(ends)
    drop = np.zeros(0, dtype=np.int64)
    if CR in data:
        before = ends[(ends > 0) & (array[ends] == LF)] - 1
        drop = before[array[before] == CR]
        array = array.copy()
        array[ends] = LF
    empty = blank_records(array, starts, ends)
    if not drop.size and not empty.any():
        return array.tobytes() if CR in data else data, ends, toggles
    keep = np.ones(array.size, dtype=bool)
    keep[drop] = False
    keep[ends[empty]] = False
    ends = ends[~empty]
    new_position = np.cumsum(keep) - 1
    return array[keep].tobytes(), new_position[ends], new_position[toggles]
