"""Generates the kernel's table of powers of ten with exact integers."""

from __future__ import annotations

#: The range of TENS_FROM and TENS_TO in kernel.h.
FROM, TO = -343, 325


def powers_of_ten_source() -> str:
    """Return C source with the upper 128 bits of the powers of ten, rounded down, the highest bit set."""
    lines = []
    for power in range(FROM, TO + 1):
        upper = _upper_bits(power)
        lines.append(f"    {upper >> 64:#018x}, {upper & (1 << 64) - 1:#018x},")
    body = "\n".join(lines)
    return f'#include "kernel.h"\n\nconst uint64_t csvswarm_tens[] = {{\n{body}\n}};\n'


def _upper_bits(power: int) -> int:
    numerator, denominator = (10**power, 1) if power >= 0 else (1, 10**-power)
    shift = 128 - numerator.bit_length() + denominator.bit_length()
    upper = (numerator << shift + 1 if shift >= 0 else numerator) // (denominator << max(0, -shift))
    return upper >> upper.bit_length() - 128
