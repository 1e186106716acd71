"""The compiled template of the report is kept, and a cache that does not work does not matter."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import jinja2
import pytest
from csvswarm.report.render import page_template


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The directory of the cache, which does not exist yet."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    page_template.cache_clear()
    yield tmp_path / "cache" / "csvswarm" / "report"
    page_template.cache_clear()


def is_compiled() -> bool:
    """Return whether a new process would compile the template."""
    page_template.cache_clear()
    real = jinja2.Environment.compile
    with mock.patch.object(jinja2.Environment, "compile", autospec=True, side_effect=real) as compiling:
        assert page_template().name == "report.html.j2"
    return bool(compiling.called)


def test_template_is_compiled_once(cache: Path) -> None:
    assert is_compiled()
    assert not is_compiled()
    assert len(list(cache.iterdir())) == 1


@pytest.mark.parametrize("content", [b"", b"j2", b"\0" * 100])
def test_damaged_file_is_replaced(cache: Path, content: bytes) -> None:
    assert is_compiled()
    (file,) = cache.iterdir()
    intact = file.read_bytes()
    for damaged in (content, intact[:-100], intact[:20]):
        file.write_bytes(damaged)
        assert is_compiled()
        assert file.read_bytes() == intact


def test_without_a_directory_the_template_is_compiled(cache: Path) -> None:
    cache.parent.parent.write_text("a file where the cache would be")
    assert is_compiled()
    assert is_compiled()
