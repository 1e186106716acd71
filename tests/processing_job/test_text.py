"""Text of jobs and users, made safe to print, and values that cannot be passed to the scripts."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.processing_job.plugin_loader import exact, text

#: Any text, including lone surrogates.
TEXTS = st.text(st.characters())


@given(TEXTS)
def test_terminal_controls_are_escaped(raw: str) -> None:
    shown = text.printable(raw)

    assert not [one for one in shown if unicodedata.category(one) in {"Cc", "Cs", "Zl", "Zp"} and one not in "\n\t"]
    assert not [
        one
        for one in shown
        if unicodedata.bidirectional(one) in {"LRE", "RLE", "LRO", "RLO", "PDF", "BN"}
        and one in "\u202a\u202b\u202c\u202d\u202e"
    ]
    assert text.printable(shown) == shown == exact.processing_job_printable(raw)
    assert text.printable_line(raw) == shown.replace("\n", "\\x0a").replace("\t", "\\x09")
    shown.encode()  # it can be written


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp", "Cf"])))
def test_text_without_controls_is_unchanged(raw: str) -> None:
    assert text.printable_line(raw) == raw


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("\x1b[31m\x07\r\x7f\x9b", r"\x1b[31m\x07\x0d\x7f\x9b"),
        ("a\nb\tc", "a\nb\tc"),
        ("\u202e\u2066\u200f\u2028", r"\u202e\u2066\u200f\u2028"),
        ("a\udcffb\ud800", r"a\xffb\ud800"),
        # joined by a character of the category of controls, and no control
        ("\U0001f468\u200d\U0001f469 \u00e9", "\U0001f468\u200d\U0001f469 \u00e9"),
    ],
)
def test_examples_of_escaped_text(raw: str, shown: str) -> None:
    assert text.printable(raw) == shown


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0")))
def test_any_other_text_can_be_passed_on(raw: str) -> None:
    names = exact.LINES
    assert exact.processing_job_unfit(dict.fromkeys(names, raw) | {"options": {raw: [raw, 1, None]}}, {}) == []


@pytest.mark.parametrize("value", ["a\udcff", ["a", "\udcff"], {"\ud800": 1}, {"a": {"b": ["\udcff"]}}])
def test_lone_surrogate_is_found_anywhere(value: object) -> None:
    [message] = exact.processing_job_unfit({"options": value, "chunks": 4, "null_values": None}, {})

    assert re.match(r"options: \S.* is not UTF-8\. Rename the file", message)
    message.encode()


def test_dollar_sign_in_an_uploaded_path_is_refused(tmp_path: Path) -> None:
    target = tmp_path / "a$HOME.csv"
    target.touch()
    (tmp_path / "link.csv").symlink_to(target)
    (tmp_path / "b.csv").touch()

    for path in target, tmp_path / "link.csv":
        [message] = exact.processing_job_unfit({}, {"input": str(path)})
        assert message.startswith(f"input: {path} has a dollar sign in it.")
        assert message.endswith("Rename the file or the folder, or add -e engine=local.")
    assert exact.processing_job_unfit({}, {"input": str(tmp_path / "b.csv")}) == []
