"""Text that comes from a job, a file name or a board, made safe to print.

A processor chooses what it raises, prints and names its files. A terminal obeys escape sequences in such text: they can
hide what was printed before, change the window's title or make the terminal type. Bidirectional controls reorder text.

Standard library only: Ansible sends this file to boards, too, where csvswarm is not installed.
"""

from __future__ import annotations

import re

#: C0 and C1 controls and DEL, line separators, bidirectional controls and surrogates. Newline and tab are kept.
_UNPRINTABLE = "\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff"


def printable(text: str) -> str:
    r"""Return a text with its control characters escaped: \x1b, \u202e. Newline and tab stay."""
    return text if text.isprintable() else re.sub(f"[{_UNPRINTABLE}]", _escape, text)


def printable_line(text: str) -> str:
    r"""Return a text as one line with its control characters escaped, newline and tab included: \x0a, \x09."""
    return text if text.isprintable() else re.sub(f"[{_UNPRINTABLE}\n\t]", _escape, text)


def _escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    # Python decodes a byte of a file name that is not UTF-8 to one of these surrogates.
    if 0xDC80 <= code <= 0xDCFF:
        code -= 0xDC00
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
