"""Check the length of files (300 lines), functions (50 lines) and Jinja expressions (2 lines).

    python tools/check_lengths.py

A longer file gives its reason in its first lines, as a comment or in its docstring: "Over 300 lines: reason." For a
function: "Over 50 lines: name: reason." Counted are tracked Python, C, YAML, shell and Jinja files; functions in Python
and C; expressions and statements in YAML and in templates.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FILE_LINES, FUNCTION_LINES, EXPRESSION_LINES, HEAD_LINES = 300, 50, 2, 15
SUFFIXES = {".py", ".c", ".h", ".yml", ".sh", ".j2"}

#: In C, a function ends at the first brace in column 0 after a line in column 0 that names it.
FUNCTION_OF_C = re.compile(r"^\w[^\n;=]*?(\w+)\([^;{}]*\)\s*\{$.*?^\}", re.MULTILINE | re.DOTALL)

EXPRESSION = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)


def functions(path: Path, text: str) -> Iterator[tuple[str, int, int]]:
    """Yield (name, first line, number of lines) of the functions in a Python or C file."""
    if path.suffix == ".py":
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                yield node.name, node.lineno, (node.end_lineno or node.lineno) - node.lineno + 1
    elif path.suffix in (".c", ".h"):
        for found in FUNCTION_OF_C.finditer(text):
            yield found[1], text.count("\n", 0, found.start()) + 1, found[0].count("\n") + 1


def findings(path: Path) -> Iterator[str]:
    """Yield a message per file or function that is too long and gives no reason."""
    text = path.read_text(encoding="utf-8")
    name, lines = path.relative_to(ROOT), text.count("\n")
    head = "\n".join(text.splitlines()[:HEAD_LINES])
    if lines > FILE_LINES and f"Over {FILE_LINES} lines: " not in head:
        yield f"{name}: {lines} lines, more than {FILE_LINES}: split it, or give a reason in its first lines"
    for function, line, length in functions(path, text):
        if length > FUNCTION_LINES and f"Over {FUNCTION_LINES} lines: {function}: " not in head:
            yield f"{name}:{line}: {function} has {length} lines, more than {FUNCTION_LINES}: split it"
    if path.suffix in (".yml", ".j2"):
        for found in EXPRESSION.finditer(text):
            length = found[0].count("\n") + 1
            if length > EXPRESSION_LINES:
                line = text.count("\n", 0, found.start()) + 1
                yield f"{name}:{line}: an expression of {length} lines, more than {EXPRESSION_LINES}: make it a filter"


def main() -> int:
    """Print findings; return 1 when there are some."""
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True)
    failed = False
    for name in filter(None, names.stdout.split("\0")):
        path = ROOT / name
        if path.suffix not in SUFFIXES or not path.is_file() or path.is_symlink():
            continue
        for message in findings(path):
            failed = True
            print(message)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
