"""Defers the run of a processor's file until one of its functions is called."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable
from importlib.util import find_spec
from types import ModuleType
from typing import Any

from csvswarm.processor_api.declarations import HOOKS, declarations


def deferrable(source: bytes) -> dict[str, Any] | None:
    """Return what a file defines, its functions without their code; None if it must run: its text does not show it.

    A file that imports something missing must run as well, so that this is reported immediately.
    """
    declared = declarations(source, HOOKS)
    return declared if declared is not None and all(map(_can_import, _imported(source))) else None


def deferred(declared: dict[str, Any], module: ModuleType, run: Callable[[], None]) -> dict[str, Any]:
    """Return what a file defines, with functions that first call `run`, which runs it in the module."""

    def defer(name: str) -> Callable[..., Any]:
        def function(*arguments: Any) -> Any:
            if vars(module)[name] is function:
                run()
            return vars(module)[name](*arguments)

        return function

    return {name: defer(name) if callable(value) else value for name, value in declared.items()}


def _imported(source: bytes) -> set[str]:
    """Return the packages and modules that a file imports at its top level."""
    found = set()
    for node in ast.parse(source).body:
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found


def _can_import(name: str) -> bool:
    return name in sys.modules or find_spec(name) is not None
