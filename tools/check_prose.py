"""Check the English of documentation, comments, docstrings and messages: idioms that read as translated.

    python tools/check_prose.py

Checked are comments, docstrings and strings of several words in Python files (in tests and bench, strings are data),
comments and task names in YAML and C files, and everything except code in Markdown files. codespell checks the
spelling.
"""

from __future__ import annotations

import io
import re
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

#: Expression -> what to write instead.
BANNED = {
    r"told|tells?|telling": "report, print, pass",
    r"said|says?|saying": "report, print, state",
    r"held|holds?|holding": "contain, keep",
    r"(?:go|goes|going|went) on": "continue, resume",
    r"mend(?:s|ed|ing)?": "fix",
    r"again": "retry, rerun, resume, or the prefix re-",
    r"stands?|stood|standing": "is, appears",
    r"lies?|lay|lying": "is",
    r"any more": "no longer",
    r"anew": "retry, restart",
    r"shall": "must, will",
    r"as ever|wholly|affairs?": "leave it out",
    r"look(?:s|ed|ing)? at": "inspect, check, read",
    r"once more": "repeat, or the prefix re-",
    r"somebody|of ours": "name who or what",
    r"ghosts?": "stale node",
}
WORDS = re.compile(r"\b(?:" + "|".join(f"({pattern})" for pattern in BANNED) + r")\b", re.IGNORECASE)
INSTEAD = list(BANNED.values())
#: Uses of these words that are standard English.
ALLOWED = re.compile(
    r"\b(?:lays? out|this holds|stand-alone|stands? for|that is to say"
    r"|(?:hold|holds|holding|held) (?:the |a |its |their )?(?:job's )?locks?|locks? (?:is|are) held)\b",
    re.IGNORECASE,
)

_LINE_STARTS = (tokenize.NEWLINE, tokenize.NL, tokenize.INDENT, tokenize.DEDENT, tokenize.COMMENT)
_FENCE = re.compile(r"^ *(```|~~~).*?^ *\1", re.MULTILINE | re.DOTALL)
_INDENTED = re.compile(r"(?:^|(?<=\n\n))(?: {4,}[^\n]*\n+)+", re.MULTILINE)
_QUOTED = re.compile(r'"[^"]{,100}"')
_CODE = re.compile(r"`[^`]*`|\]\([^)]*\)|<!--.*?-->|https?://\S+", re.DOTALL)
_COMMENT_OF_C = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
_COMMENT_OF_YAML = re.compile(
    r"(?:^|(?<=\s))#[^\n]*|^\s*-? *(?:name|description|short_description|fail_msg|msg):[^\n]*", re.MULTILINE
)


def whole_strings(tokens: Iterator[tokenize.TokenInfo]) -> Iterator[tokenize.TokenInfo]:
    """Yield tokens with every f-string as one, as before Python 3.12, which returns its parts."""
    start, end = (getattr(tokenize, name, None) for name in ("FSTRING_START", "FSTRING_END"))
    parts: list[tokenize.TokenInfo] = []
    depth = 0
    for token in tokens:
        depth += token.type == start
        if not depth:
            yield token
            continue
        parts.append(token)
        depth -= token.type == end
        if not depth:
            text = "".join(part.string for part in parts)
            yield parts[0]._replace(type=tokenize.STRING, string=text)
            parts.clear()


def blanked(found: re.Match[str]) -> str:
    """Return as many line ends as a match has, so that the lines below keep their numbers."""
    return "\n" * found[0].count("\n") or " "


def prose_of_python(text: str, *, messages: bool) -> Iterator[tuple[int, str]]:
    """Yield (line, text) of comments and docstrings. messages: of other strings of at least three words, too."""
    starts_line, depth = True, 0
    for token in whole_strings(tokenize.generate_tokens(io.StringIO(text).readline)):
        is_docstring = token.type == tokenize.STRING and starts_line and not depth
        is_message = messages and token.type == tokenize.STRING and len(token.string.split()) > 2
        is_pattern = token.string.startswith(('r"', "r'")) and not token.string.startswith('r"""')
        if token.type == tokenize.COMMENT or is_docstring or (is_message and not is_pattern):
            yield token.start[0], token.string
        if token.type == tokenize.OP:
            depth += (token.string in "([{") - (token.string in ")]}")
        starts_line = token.type in _LINE_STARTS


def prose_of(path: Path) -> Iterator[tuple[int, str]]:
    """Yield (line, text) of everything in a file that people read as English."""
    text = path.read_text(encoding="utf-8")
    match path.suffix:
        case ".md":
            yield 1, _QUOTED.sub(blanked, _INDENTED.sub(blanked, _FENCE.sub(blanked, text)))
        case ".py":
            is_data = path.is_relative_to(ROOT / "tests") or path.is_relative_to(ROOT / "bench")
            yield from prose_of_python(text, messages=not is_data)
        case ".yml":
            yield from ((1 + text.count("\n", 0, found.start()), found[0]) for found in _COMMENT_OF_YAML.finditer(text))
        case ".c" | ".h":
            yield from ((1 + text.count("\n", 0, found.start()), found[0]) for found in _COMMENT_OF_C.finditer(text))


def findings(path: Path) -> Iterator[str]:
    """Yield a message per banned idiom in a file."""
    for first, text in prose_of(path):
        plain = ALLOWED.sub(blanked, _CODE.sub(blanked, text))
        for found in WORDS.finditer(plain):
            line = first + plain.count("\n", 0, found.start())
            yield f"{path.relative_to(ROOT)}:{line}: {found[0]!r}: write {INSTEAD[(found.lastindex or 1) - 1]}"


def tracked() -> list[Path]:
    """Return the files of the repository that have prose."""
    names = subprocess.run(
        ["git", "ls-files", "-z", "*.md", "*.py", "*.yml", "*.c", "*.h"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout.split("\0")  # fmt: skip
    return [ROOT / name for name in names if name and (ROOT / name).is_file() and not (ROOT / name).is_symlink()]


def main() -> int:
    """Print findings; return 1 when there are some."""
    messages = [message for path in tracked() for message in findings(path)]
    print("\n".join(messages), end="\n" if messages else "")
    return int(bool(messages))


if __name__ == "__main__":
    sys.exit(main())
