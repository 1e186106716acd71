"""docs/processor-api.md lists every public name, and the docstrings it is generated from describe every parameter."""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Callable
from typing import Any

import pytest
from csvswarm import exact, processor_api

from tests.support.jobs import ROOT

METHODS = [
    processor_api.Context.type_of,
    processor_api.Context.require,
    processor_api.Rows.plain,
    *(getattr(processor_api.exact_sum, name) for name in exact.__all__ if name.islower()),
]


def section(text: str, name: str) -> str:
    """The part of a docstring below a heading."""
    found = re.search(rf"^{name}:\n((?:    .*\n?|\n)+)", inspect.cleandoc(text), re.MULTILINE)
    return found[1] if found else ""


def entries(text: str) -> list[str]:
    return re.findall(r"^    (\w+): ", text, re.MULTILINE)


def test_the_page_lists_every_public_name() -> None:
    page = (ROOT / "docs/processor-api.md").read_text()

    names = re.findall(r"^::: csvswarm\.processor_api\.(\w+)$", page, re.MULTILINE)
    assert sorted(names) == sorted(processor_api.__all__)


@pytest.mark.parametrize("function", METHODS, ids=lambda function: function.__qualname__)
def test_parameters_and_results_are_described(function: Callable[..., Any]) -> None:
    signature, text = inspect.signature(function), function.__doc__ or ""

    assert entries(section(text, "Args")) == [name for name in signature.parameters if name != "self"]
    assert bool(section(text, "Returns")) == (signature.return_annotation != "None")


@pytest.mark.parametrize("kind", [processor_api.Context, processor_api.EncodedRows], ids=lambda kind: kind.__name__)
def test_fields_are_described(kind: Any) -> None:
    assert entries(section(kind.__doc__, "Attributes")) == [field.name for field in dataclasses.fields(kind)]
