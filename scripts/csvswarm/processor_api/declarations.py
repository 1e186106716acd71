"""What a processor's file defines, read from its text without running it.

On boards, a user's code runs only in the containers of chunks. To split the input and collect rows, a job must know
what the processor declares. Most files only declare `process`, so their text is enough.
"""

from __future__ import annotations

import ast
from collections.abc import Collection
from typing import Any

from csvswarm.errors import ProcessorError

#: Environment variable of processes that must not run a user's code: those of the driver.
NO_USER_CODE = "CSVSWARM_NO_USER_CODE"
#: The names that csvswarm looks up in a processor.
HOOKS = frozenset(
    {"process", "for_options", "columns", "copied_columns", "result_columns", "result_kinds", "keeps_rows", "overlap",
     "needs_pandas", "numeric_columns", "why_empty", "header", "keys", "combine", "finish", "finish_groups", "table_of",
     "outline", "step", "OPTIONS", "ARROW", "BLOCK", "GAPS", "RAW", "OVERLAP"}
)  # fmt: skip
#: Those whose value may be read when it is written as a literal.
_LITERALS = frozenset({"OPTIONS", "ARROW", "BLOCK", "GAPS", "RAW", "OVERLAP", "overlap", "columns"})


def declarations(source: bytes, functions: Collection[str] = ("process",)) -> dict[str, Any] | None:
    """Return the hooks that a processor's file defines, if it defines only these functions and literals; else None.

    Functions are in the result without their code. None also means that the text does not determine it, as with an
    `if` or a call at the top level: run the file.
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    found: dict[str, Any] = {}
    for node in tree.body:
        names = _bound(node)
        if names is None or not names.isdisjoint({"*", "__getattr__"}):
            return None
        for name in names & HOOKS:
            if name in functions and isinstance(node, ast.FunctionDef):
                found[name] = _not_run
            elif name in _LITERALS and isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
                try:
                    found[name] = ast.literal_eval(node.value)
                except (ValueError, TypeError, MemoryError, RecursionError):
                    return None
            else:
                return None
    if found.keys().isdisjoint({"process", "for_options"}) or not _hooks_bound_elsewhere(tree).isdisjoint(HOOKS):
        return None
    return found


def require_declared(source: bytes, defined: dict[str, Any], shown: str) -> None:
    """Raise ProcessorError if a file that was run defines other hooks than its text. defined: its names and values."""
    declared = declarations(source, HOOKS)
    if declared is None:
        return
    for hook in sorted(HOOKS):
        is_literal = hook in declared and not callable(declared[hook])
        differs = is_literal and hook in defined and defined[hook] != declared[hook]
        if differs or (hook in defined) != (hook in declared):
            raise ProcessorError(
                f"processor {shown} sets {hook} while it runs: define it at the top level of the file."
            )


def _bound(node: ast.stmt) -> set[str] | None:
    """Return the names that a statement at the top level binds, None when its text does not show them."""
    match node:
        case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
            return {alias.asname or alias.name.partition(".")[0] for alias in aliases}
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return {name}
        case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
            return {name}
        case ast.Expr(value=ast.Constant()):
            return set()
    return None


def _hooks_bound_elsewhere(tree: ast.Module) -> set[str]:
    """Return the names that functions declare as global, and those of assignment expressions."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Global):
            found |= {*node.names}
        elif isinstance(node, ast.NamedExpr) and isinstance(node.target, ast.Name):
            found.add(node.target.id)
    return found


def _not_run(*_: object) -> None:
    raise AssertionError("this process must not run a user's code")
