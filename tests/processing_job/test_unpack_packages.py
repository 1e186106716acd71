"""files/docker/unpack.py --whole: the packages of a user's processor."""

from __future__ import annotations

from pathlib import Path

from tests.processing_job.test_prepare_build_context import inside, unpack, wheel


def test_packages_of_a_user_are_unpacked_whole(tmp_path: Path) -> None:
    data = "one-1.data"
    files = [
        f"{data}/purelib/pure.py",
        f"{data}/platlib/deep/native.py",
        f"{data}/scripts/run.py",
        f"{data}/data/x.txt",
    ]
    wheel(tmp_path / "wheels", "one-1-cp39-abi3-manylinux_2_17_x86_64.whl", ["one/tests/it.py", "one/a.pyi", *files])

    assert unpack(tmp_path / "wheels", tmp_path / "packages", "--whole").returncode == 0

    there = inside(tmp_path / "packages")
    assert {"one/tests/it.py", "one/a.pyi", "pure.py", "deep/native.py", "one-1.dist-info/METADATA"} <= there
    assert not [name for name in there if name.endswith(("run.py", "x.txt"))]


def test_a_user_may_have_no_packages(tmp_path: Path) -> None:
    (tmp_path / "wheels").mkdir()

    assert unpack(tmp_path / "wheels", tmp_path / "packages", "--whole").returncode == 0
    assert inside(tmp_path / "packages") == set()
