"""Ansible keeps the backslash of an escape in an expression, unless YAML has replaced it in double quotes."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
import yaml

from tests.roles.playing import ROOT

#: A text of an expression that is only a line break or a tab, as in join('\n').
ESCAPE = re.compile(r"""(['"])\\[nrt]\1""")
FILES = sorted(
    path
    for folder in ("roles", "playbooks", "molecule")
    for path in (ROOT / folder).rglob("*.yml")
    if not path.is_symlink()
)


def texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, member in value.items():
            yield from texts(name)
            yield from texts(member)
    elif isinstance(value, list):
        for member in value:
            yield from texts(member)


def kept_escapes(document: str) -> list[str]:
    """Return the expressions with an escape that Ansible would not replace."""
    return [
        expression
        for text in texts(list(yaml.safe_load_all(document)))
        for expression in re.findall(r"(?s)\{\{.*?\}\}", text)
        if ESCAPE.search(expression)
    ]


@pytest.mark.parametrize(
    ("document", "found"),
    [
        (r"""a: "{{ [1, 2] | join('\n') }}" """, []),
        ("a: >-\n  {{ [1, 2] | join('\\n') }}\n", [r"{{ [1, 2] | join('\n') }}"]),
        ("- vars:\n    a: |\n      {{ '\\t' }}\n", [r"{{ '\t' }}"]),
        (r"a: printf '%s\n' x", []),
    ],
)
def test_escapes_in_folded_and_literal_blocks_are_found(document: str, found: list[str]) -> None:
    assert kept_escapes(document) == found


def test_no_expression_keeps_the_backslash_of_an_escape() -> None:
    assert len(FILES) > 100
    assert {path.relative_to(ROOT): found for path in FILES if (found := kept_escapes(path.read_text()))} == {}
