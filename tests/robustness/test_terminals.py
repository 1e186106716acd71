"""Messages never pass control characters or long texts of a file, its name or a processor to the terminal."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from csvswarm.errors import MAX_MESSAGE_CHARS, printable
from csvswarm.process.attempt_log import attempt_log
from hypothesis import given
from hypothesis import strategies as st

from tests.support.jobs import Scripts

CLEAR = "\x1b[2J\x07\x9b31m\u202e\u2066"
ESCAPED = r"\x1b[2J\x07\x9b31m\u202e\u2066"


def acts(text: str) -> bool:
    """Whether a text contains terminal control characters."""
    return any(
        ord(char) < 32 or 127 <= ord(char) < 160 or char in "\u202e\u2066" for char in text if char not in "\n\t"
    )


@given(st.text(st.characters(), max_size=200))
def test_printable_escapes_any_text(text: str) -> None:
    shown = printable(text)

    assert not acts(shown)
    assert printable(shown) == shown
    shown.encode()
    if text.isprintable():
        assert shown == text


def test_processor_message_is_escaped(scripts: Scripts) -> None:
    processor = scripts.directory / "mine.py"
    processor.write_text(f"def process(block, context):\n    raise ValueError({CLEAR!r} + block.a[0])\n")
    source = scripts.directory / "data.csv"
    source.write_text(f"a,b\n{CLEAR},1\n")
    assert scripts.split(source, "--processor", str(processor)).code == 0

    message = scripts.process().message

    assert message.startswith(f"processor mine failed: ValueError: {ESCAPED}{ESCAPED}\n")
    assert not acts(message)
    (receipt,) = (scripts.job / "receipts").iterdir()
    assert not acts(receipt.read_text())


def test_file_content_is_escaped(scripts: Scripts) -> None:
    source = scripts.directory / "data.csv"
    source.write_text(f"a,b{CLEAR}\n1,1\n")

    run = scripts.split(source, "--processor", "transform", "--options", '{"columns": ["none"]}')

    assert run.line == f"option 'columns' of transform names a column 'none', but the file has: a, b{ESCAPED}."


def test_file_name_is_escaped(scripts: Scripts) -> None:
    assert scripts.split(scripts.directory / f"no{CLEAR}ne.csv").line == (
        f"{scripts.directory}/no{ESCAPED}ne.csv matches no file: check the pattern given as input."
    )


def test_messages_are_bounded(scripts: Scripts) -> None:
    source = scripts.directory / "data.csv"
    source.write_text("a,b\n" + "x" * 1_000_000 + "\n")
    assert scripts.split(source, "--processor", "transform").code == 0
    line = scripts.process().line
    assert "record 1: 1 field where the header has 2: 'xxx" in line
    assert len(line) < 1000

    processor = scripts.directory / "mine.py"
    processor.write_text("def process(block, context):\n    raise ValueError('y' * 1_000_000)\n")
    source.write_text("a,b\n1,2\n")
    other = Scripts(scripts.directory / "other")
    other.directory.mkdir()
    assert other.split(source, "--processor", str(processor)).code == 0
    message = other.process().message
    assert message.startswith("processor mine failed: ValueError: yyy")
    assert "characters omitted" in message
    assert message.endswith("in chunk 1, records 1 to 1")
    assert len(message) < MAX_MESSAGE_CHARS + 100


def test_attempt_log_is_escaped(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "it.log"

    with attempt_log(log) as codes:
        os.write(2, f"before {CLEAR} after\n".encode() + b"\xff\n" + b"z" * 10_000)
        codes.append(1)

    shown = capfd.readouterr().err
    assert shown == log.read_text() == f"before {ESCAPED} after\n\\xff\n" + "z" * 10_000
    assert [path.name for path in tmp_path.iterdir()] == ["it.log"]


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ('["a", 1]', 'null_values contains 1, but must be a list of strings like ["-", "n/a"].'),
        ('["\\ud800"]', r'null_values contains half of a surrogate pair, which UTF-8 cannot encode: ["\ud800"]'),
    ],
)
def test_surrogates_are_rejected(scripts: Scripts, given: str, line: str) -> None:
    source = scripts.directory / "data.csv"
    source.write_text("a,b\n1,2\n")

    assert scripts.split(source, "--null-values", given).line == line
