"""The library is built where possible, found where it was built, and not needed where it is missing."""

from __future__ import annotations

from pathlib import Path

import pytest
from csvswarm.native import build, library

from tests.support.jobs import native


@pytest.fixture
def directories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Two empty directories for the library."""
    found = [tmp_path / "clone" / "built", tmp_path / "cache" / "native"]
    for module in (build, library):
        monkeypatch.setattr(module, "search_directories", lambda: found)
    return found


def test_build_runs_once_and_replaces_older_libraries(directories: list[Path]) -> None:
    name = library.library_name()
    old = directories[0] / f"kernel-{name.split('-')[1]}-0123456789abcdef.so"
    directories[0].mkdir(parents=True)
    old.touch()

    assert build.build() == (f"built the native kernel ({name})", True)
    assert [path.name for path in directories[0].iterdir()] == [name]
    with native(True):
        assert library.kernel() is not None
    assert build.build() == (f"the native kernel is built ({name})", False)


def test_build_in_a_read_only_clone(directories: list[Path]) -> None:
    directories[0].parent.mkdir()
    directories[0].touch()  # where not even root can create a directory

    assert build.build()[1]
    assert (directories[1] / library.library_name()).is_file()
    with native(True):
        assert library.kernel() is not None


def test_build_without_a_compiler(directories: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(directories[0]))
    monkeypatch.delenv("CC", raising=False)

    message, is_new = build.build()

    assert message.startswith("no C compiler found: everything works")
    assert is_new
    with native(True):
        assert library.kernel() is None


def test_build_with_a_failing_compiler(
    directories: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "cc"
    broken.write_text("#!/bin/sh\necho it has no headers\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("CC", str(broken))

    message, _ = build.build()

    assert message.endswith("only slower\nit has no headers\n")
    assert list(directories[0].iterdir()) == []


def test_kernel_can_be_disabled() -> None:
    with native(False):
        assert library.kernel() is None


def test_invalid_libraries_are_skipped(directories: list[Path]) -> None:
    directories[0].mkdir(parents=True)
    (directories[0] / library.library_name()).write_text("no library")
    with native(True):
        assert library.kernel() is None
