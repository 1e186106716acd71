"""The library is built where it can be, found where it was built, and nothing is missed where there is none."""

from __future__ import annotations

from pathlib import Path

import pytest
from csvswarm.native import build, library

from tests.support.jobs import native


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Two places for the library, with nothing in them."""
    found = [tmp_path / "clone" / "built", tmp_path / "cache" / "native"]
    for module in (build, library):
        monkeypatch.setattr(module, "search_directories", lambda: found)
    return found


def test_build_runs_once_and_replaces_older_libraries(places: list[Path]) -> None:
    name = library.library_name()
    old = places[0] / f"kernel-{name.split('-')[1]}-0123456789abcdef.so"
    places[0].mkdir(parents=True)
    old.touch()

    assert build.build() == (f"built the native kernel ({name})", True)
    assert [path.name for path in places[0].iterdir()] == [name]
    with native(True):
        assert library.kernel() is not None
    assert build.build() == (f"the native kernel is built ({name})", False)


def test_build_in_a_read_only_clone(places: list[Path]) -> None:
    places[0].parent.mkdir()
    places[0].touch()  # no directory can be made there, not by root either

    assert build.build()[1]
    assert (places[1] / library.library_name()).is_file()
    with native(True):
        assert library.kernel() is not None


def test_build_without_a_compiler(places: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(places[0]))
    monkeypatch.delenv("CC", raising=False)

    told, is_new = build.build()

    assert told.startswith("no C compiler: everything works")
    assert is_new
    with native(True):
        assert library.kernel() is None


def test_build_with_a_failing_compiler(places: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "cc"
    broken.write_text("#!/bin/sh\necho it has no headers\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("CC", str(broken))

    told, _ = build.build()

    assert told.endswith("only slower\nit has no headers\n")
    assert list(places[0].iterdir()) == []


def test_kernel_can_be_disabled() -> None:
    with native(False):
        assert library.kernel() is None


def test_invalid_libraries_are_skipped(places: list[Path]) -> None:
    places[0].mkdir(parents=True)
    (places[0] / library.library_name()).write_text("no library")
    with native(True):
        assert library.kernel() is None
