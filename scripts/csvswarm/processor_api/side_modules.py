"""Lets a processor import the Python files among its job's side files."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import find_spec, spec_from_loader
from types import CodeType, ModuleType

from csvswarm.errors import OptionError
from csvswarm.job.side_files import SideFiles


class SideModuleLoader(SourceFileLoader):
    """Loads a side file from its source, never from a cached compilation, whose time another file may share."""

    def get_code(self, fullname: str) -> CodeType:  # noqa: ARG002 - the interface
        return self.source_to_code(self.get_data(self.path), self.path)


class _Finder(MetaPathFinder):
    """Finds side files by the name of their module."""

    def __init__(self, files: SideFiles) -> None:
        self._files = files
        self.names = {name.removesuffix(".py") for name in files.names if name.endswith(".py")}

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,
        target: ModuleType | None = None,  # noqa: ARG002 - the interface
    ) -> ModuleSpec | None:
        if path is not None or fullname not in self.names:
            return None
        return spec_from_loader(fullname, SideModuleLoader(fullname, str(self._files.path(f"{fullname}.py"))))


def provide_modules(files: SideFiles) -> None:
    """Make the Python files among some side files importable, instead of those of an earlier call.

    Modules of Python and of the environment take precedence, so OptionError is raised for a side file with such a name.
    """
    withdraw_modules()
    finder = _Finder(files)
    for name in sorted(finder.names):
        if name.isidentifier() and _is_taken(name):
            raise OptionError(
                f"files: {name}.py has the name of another module, which `import {name}` finds first: rename the file."
            )
    if finder.names:
        sys.meta_path.append(finder)


def withdraw_modules() -> None:
    """Undo `provide_modules`; importers keep the modules they have imported."""
    sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, _Finder)]
    for name, module in list(sys.modules.items()):
        if isinstance(getattr(module, "__loader__", None), SideModuleLoader):
            del sys.modules[name]


def _is_taken(name: str) -> bool:
    try:
        return name in sys.stdlib_module_names or find_spec(name) is not None
    except ValueError:  # a module that was not imported, like __main__
        return True
