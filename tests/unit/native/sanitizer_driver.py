"""Random bytes for a kernel with sanitizers: sanitizer_driver.py LIBRARY SEED CASES VECTORS, its runtime preloaded.

Every input of the kernel is in memory of exactly its size, so that an access one byte too far ends the process.
"""

from __future__ import annotations

import ctypes
import random
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "scripts"))

from csvswarm.native.library import declare_signatures

LIBC = ctypes.CDLL(None)
LIBC.malloc.restype = ctypes.c_void_p
LIBC.malloc.argtypes = [ctypes.c_size_t]
LIBC.free.argtypes = [ctypes.c_void_p]
PARTS = [
    b",",
    b"\n",
    b'"',
    b'""',
    b'"a,b"',
    b"1",
    b"-2.5",
    b"1e3",
    b"x" * 70,
    b"\r",
    b"\0",
    b"\xff",
    b"\xe2\x82",
    b"\xac",
]
PARTS += [b"0.1234567890123456789", b"9" * 25, b"1e-310", b" ", b"-", b".", b"e", b"inf", b"NA", b"1,2\n" * 20]
PARTS += [b'"1","2"\n' * 9]
NULLS = b"NAnull"


class Memory:
    """Allocations of exactly the requested sizes."""

    def __init__(self) -> None:
        self._allocated: list[int] = []

    def room(self, size: int) -> int:
        """Return the address of `size` bytes."""
        address = LIBC.malloc(size)
        self._allocated.append(address)
        return int(address)

    def copy(self, data: bytes) -> int:
        address = self.room(len(data))
        ctypes.memmove(address, data, len(data))
        return address

    def free(self) -> None:
        while self._allocated:
            LIBC.free(self._allocated.pop())


def _int32s(memory: Memory, *values: int) -> int:
    return memory.copy(b"".join(value.to_bytes(4, "little", signed=True) for value in values))


def _read_int32s(address: int, count: int) -> list[int]:
    return list((ctypes.c_int32 * count).from_address(address)) if count else []


def run(library: ctypes.CDLL, data: bytes, source: random.Random, memory: Memory) -> None:
    """Call every function with random bytes and with the results of earlier calls."""
    text = ctypes.cast(memory.copy(data), ctypes.c_char_p)
    size, out = len(data), memory.room(32)
    flags = source.random() < 0.5, 1, source.random() < 0.5
    library.csvswarm_count(text, size, 44, source.choice([34, -1]), 10, *flags, out)
    library.csvswarm_line_feeds(text, size, 44, source.choice([34, -1]), memory.room(size))
    library.csvswarm_is_utf8(text, size)
    positions = [position for position, byte in enumerate(data) if byte == 34] + source.choice([[], [size]])
    quotes = memory.copy(b"".join(position.to_bytes(8, "little") for position in positions))
    found = memory.room(8 * len(positions)), memory.room(4)
    library.csvswarm_toggles(text, size, quotes, len(positions), 44, 10, source.random() < 0.5, *found)
    max_records = source.choice([data.count(b"\n"), 1])
    ends, fields, seen = memory.room(4 * max_records), memory.room(4 * max_records), memory.room(max_records)
    library.csvswarm_records(text, size, 44, source.choice([34, -1]), max_records, ends, fields, seen)
    width, quote = source.randrange(1, 4), source.choice([34, -1])
    capacity = source.choice([size // width + 1, 2])
    ends, starts, stops = (memory.room(4 * capacity * wide) for wide in (1, width, width))
    columns = _int32s(memory, *range(width))
    given = (text, size, 44, quote, width, columns, width, capacity, ends, starts, stops, out)
    if not library.csvswarm_fields(*given):
        rows = int(ctypes.c_int64.from_address(out).value)
        for column in range(width):
            first = starts + 4 * capacity * column, stops + 4 * capacity * column
            _column(library, text, *first, rows, quote, source, memory)
        _rows(library, text, data, ends, rows, source, memory)
    _table(library, data, source, memory)
    # Fields at random offsets within the data.
    rows = source.randrange(6)
    bounds = [sorted(source.randrange(size + 1) for _ in range(2)) for _ in range(rows)] if size else []
    first = _int32s(memory, *(low for low, _ in bounds)), _int32s(memory, *(high for _, high in bounds))
    _column(library, text, *first, len(bounds), quote, source, memory)


def _column(
    library: ctypes.CDLL,
    text: ctypes.c_char_p,
    starts: int,
    stops: int,
    rows: int,
    quote: int,
    source: random.Random,
    memory: Memory,
) -> None:
    nulls = ctypes.cast(memory.copy(NULLS), ctypes.c_char_p), _int32s(memory, 0, 2, 6), 3
    span = text, starts, stops, rows, quote
    library.csvswarm_kinds(*span, *nulls)
    for numeric in (0, 1):
        library.csvswarm_integers(*span, *nulls, numeric, memory.room(8 * rows), memory.room(rows))
        values = memory.room(8 * rows)
        library.csvswarm_floats(*span, *nulls, numeric, values, memory.room(4 * rows), memory.room(8))
    wanted = source.choice([b"", b"1", b"NA", b"x" * 70])
    copied = ctypes.cast(memory.copy(wanted), ctypes.c_char_p)
    library.csvswarm_equal(*span, *nulls, copied, len(wanted), memory.room(rows))
    total = sum(_read_int32s(stops, rows)) - sum(_read_int32s(starts, rows))
    library.csvswarm_texts(*span, *nulls, memory.room(total), memory.room(4 * rows + 4), memory.room(rows))
    slots, codes = 1 << (2 * rows).bit_length(), memory.room(4 * rows)
    table, keys = memory.copy(bytes(8 * slots)), memory.copy(bytes(8 * rows + 8))
    groups = library.csvswarm_text_codes(*span, *nulls, table, slots, memory.room(total), keys, 0, codes)
    library.csvswarm_grow(table, slots, memory.copy(bytes(16 * slots)), 2 * slots)
    numbers, missing = memory.copy(source.randbytes(8 * rows)), memory.copy(bytes(source.choices((0, 1), k=rows)))
    table = memory.copy(bytes(8 * slots))
    library.csvswarm_number_codes(
        numbers, source.choice([None, missing]), rows, table, slots, keys, 0, memory.room(4 * rows)
    )
    if groups > 0:
        numbers = memory.copy(b"".join(source.randbytes(8) for _ in range(rows)))
        limits = memory.copy(bytes(8))
        if not library.csvswarm_levels(numbers, rows, limits):
            low, high = _read_int32s(limits, 2)
            sums = memory.copy(bytes(8 * groups * (high - low + 1)))
            library.csvswarm_sums(numbers, codes, rows, groups, low, high - low + 1, sums)
        for whole in (0, 1):
            found = [memory.copy(bytes(8 * groups)) for _ in range(3)]
            library.csvswarm_extremes(numbers, whole, codes, rows, groups, *found)


def _rows(
    library: ctypes.CDLL,
    text: ctypes.c_char_p,
    data: bytes,
    ends: int,
    rows: int,
    source: random.Random,
    memory: Memory,
) -> None:
    mask = [source.random() < 0.5 for _ in range(rows)]
    kept = sum(mask)
    numbers = [memory.copy(b"".join(source.randbytes(8) for _ in range(kept))) for _ in range(2)]
    truths = memory.copy(bytes(source.randrange(2) for _ in range(kept)))
    stops = _read_int32s(ends, rows)
    starts = _int32s(memory, *(stop + 1 for stop in [-1, *stops[:-1]])) if rows else memory.room(0)
    fields = (3, 0, 0, starts, ends)
    for columns in (
        (fields, (0, numbers[0], 0, 0, 0), (1, numbers[1], truths, 0, 0)),
        ((2, truths, truths, 0, 0), fields),
    ):
        described = memory.copy(b"".join(value.to_bytes(8, "little") for column in columns for value in column))
        room = memory.room(len(data) + kept * (len(columns) * 32 + 2))
        library.csvswarm_rows(text, memory.copy(bytes(mask)), rows, 44, 34, len(columns), described, room)
    described = memory.copy(b"".join(value.to_bytes(8, "little") for value in fields))
    library.csvswarm_rows(text, None, rows, 44, 34, 1, described, memory.room(len(data) + 2 * rows))


def _table(library: ctypes.CDLL, data: bytes, source: random.Random, memory: Memory) -> None:
    """Write columns of every kind with random values, bits and offsets."""
    rows, shift, quote, max_bytes = source.randrange(12), source.randrange(9), 34, 0
    described = b""
    for kind in source.choices(range(6), k=source.randrange(1, 5)):
        bits, valid = (memory.copy(source.randbytes((shift + rows + 7) // 8)) for _ in range(2))
        per_second = source.choice([1, 10**3, 10**6, 10**9])
        values, offsets, width = memory.copy(source.randbytes(8 * rows)), 0, 4 if kind == 3 else 8
        max_bytes += 33 * rows
        if kind == 2:
            values = bits
        elif kind in (3, 4):
            bounds = sorted(source.randrange(len(data) + 1) for _ in range(rows + 1))
            values, offsets = (
                memory.copy(data),
                memory.copy(b"".join(bound.to_bytes(width, "little") for bound in bounds)),
            )
            max_bytes += bounds[-1] - bounds[0] + data[bounds[0] : bounds[-1]].count(b'"')
        fields = kind, shift, per_second, values, source.choice([0, valid]), offsets
        described += b"".join(field.to_bytes(8, "little") for field in fields)
    nulls = ctypes.cast(memory.copy(NULLS), ctypes.c_char_p), _int32s(memory, 0, 2, 6), 3
    library.csvswarm_table(
        rows, len(described) // 48, memory.copy(described), 44, quote, *nulls, memory.room(max_bytes + 2 * rows)
    )


def main() -> None:
    """Run the cases."""
    path, seed, cases = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    library, memory = declare_signatures(ctypes.CDLL(path), avx2=sys.argv[4] == "AVX2"), Memory()
    source = random.Random(seed)
    for _ in range(cases):
        width = source.choice([3, 10, 60])
        data = b"".join(source.choice(PARTS) for _ in range(source.randrange(width)))
        if source.random() < 0.5:  # data that a scan may accept as regular
            data = data.translate(None, b'\r\0"') + b"\n"
        run(library, data, source, memory)
        memory.free()
    sys.stdout.write("clean\n")


if __name__ == "__main__":
    main()
