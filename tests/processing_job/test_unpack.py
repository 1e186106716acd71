"""files/docker/unpack.py unpacks the wheels of an image."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.processing_job.wheels import inside, wheel
from tests.support.jobs import ROOT

HERE = f"cp{sys.version_info.major}{sys.version_info.minor}"


def unpack(wheels: Path, packages: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command: list[str | Path] = [sys.executable, ROOT / "files/docker/unpack.py", wheels, packages, *options]
    return subprocess.run(command, check=False, capture_output=True, text=True)


def test_wheels_are_unpacked_and_compiled(tmp_path: Path) -> None:
    wheel(tmp_path / "wheels", f"one-1.0-{HERE}-{HERE}-manylinux_2_28_x86_64.whl", ["one/__init__.py", "one/a.py"])
    wheel(tmp_path / "wheels", "two-1.0-py3-none-any.whl", ["two.py"])

    done = unpack(tmp_path / "wheels", tmp_path / "packages")

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    # Compiled files are used without a check of their source's time, and even without a source.
    script = "import importlib, sys; [print(importlib.import_module(name).__cached__) for name in ('one.a', 'two')]"
    found = subprocess.run(
        [sys.executable, "-B", "-c", script], check=True, capture_output=True, text=True, cwd=tmp_path / "packages"
    )
    for path in found.stdout.splitlines():
        flags = Path(path).read_bytes()[4:8]
        assert int.from_bytes(flags, "little") == 0b01, "a pyc that is not checked against its source"


def test_build_context_omits_unneeded_files(tmp_path: Path) -> None:
    needed = [
        "pandas/__init__.py",
        "pandas/_testing/__init__.py",
        "pandas/testing.py",
        "numpy/testing/overrides.py",
        "pyarrow/__init__.py",
        "pyarrow/libarrow.so.2200",
        "pyarrow/_csv.cpython-313-x86_64-linux-gnu.so",
        "pyarrow/fs.py",
        "numpy.libs/libscipy_openblas.so",
    ]
    needless = [
        "pandas/tests/__init__.py",
        "pandas/conftest.py",
        "numpy/f2py/tests/test_it.py",
        "numpy/linalg/test/it.py",
        "pyarrow/include/arrow/api.py",
        "pyarrow/libarrow_flight.so.2200",
        "pyarrow/libarrow_python_flight.so",
        "pyarrow/_flight.cpython-313-x86_64-linux-gnu.so",
        "pyarrow/_s3fs.cpython-313-x86_64-linux-gnu.so",
        "numpy/lib/libnpymath.a",
        "pandas/_libs/index.pyi",
        "pyarrow/table.pxi",
        "pyarrow/lib.pyx",
        "pyarrow/lib.h",
    ]
    wheel(tmp_path / "wheels", "all-1-py3-none-any.whl", needed + needless)

    assert unpack(tmp_path / "wheels", tmp_path / "packages").returncode == 0

    there = {
        str(path.relative_to(tmp_path / "packages"))
        for path in (tmp_path / "packages").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and ".dist-info" not in str(path)
    }
    assert there == set(needed)


def test_a_wheel_of_another_python_is_refused(tmp_path: Path) -> None:
    name = "one-1.0-cp39-cp39-manylinux_2_17_x86_64.manylinux2014_x86_64.whl"
    wheel(tmp_path / "wheels", name, ["one.py"])

    done = unpack(tmp_path / "wheels", tmp_path / "packages")

    assert done.returncode == 1
    assert done.stderr.startswith(f"unpack: {name} is not for this image's Python ({sys.version.split()[0]}): name a ")
    assert not (tmp_path / "packages").exists()


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


def test_no_wheels(tmp_path: Path) -> None:
    (tmp_path / "wheels").mkdir()

    done = unpack(tmp_path / "wheels", tmp_path / "packages")

    assert (done.returncode, done.stderr) == (1, f"unpack: there are no wheels in {tmp_path / 'wheels'}\n")
