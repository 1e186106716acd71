"""What the image of a job is built from: the context that pip fills, and the wheels as they are unpacked."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterable
from pathlib import Path

import pytest
from csvswarm.native.library import library_name

from tests.lab.kit.polling import wait_until
from tests.processing_job.plugin_loader import image, shared
from tests.support.jobs import ROOT

image_context = shared("build_context")
BuildError = shared("image_archive").BuildError
HERE = f"cp{sys.version_info.major}{sys.version_info.minor}"


def wheel(directory: Path, name: str, files: Iterable[str]) -> Path:
    """Make a wheel of Python files that contain only their name."""
    directory.mkdir(parents=True, exist_ok=True)
    package, version, *_ = name.split("-")
    path = directory / name
    with zipfile.ZipFile(path, "w") as archive:
        for file in files:
            archive.writestr(file, f"NAME = {file!r}\n")
        archive.writestr(f"{package}-{version}.dist-info/METADATA", f"Name: {package}\nVersion: {version}\n")
        archive.writestr(f"{package}-{version}.dist-info/WHEEL", "Wheel-Version: 1.0\n")
        archive.writestr(f"{package}-{version}.dist-info/RECORD", "")
    return path


# -- unpack.py ---------------------------------------------------------------------------------------------------------


def unpack(wheels: Path, packages: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command: list[str | Path] = [sys.executable, ROOT / "files/docker/unpack.py", wheels, packages, *options]
    return subprocess.run(command, check=False, capture_output=True, text=True)


def test_wheels_are_unpacked_and_compiled(tmp_path: Path) -> None:
    wheel(tmp_path / "wheels", f"one-1.0-{HERE}-{HERE}-manylinux_2_28_x86_64.whl", ["one/__init__.py", "one/a.py"])
    wheel(tmp_path / "wheels", "two-1.0-py3-none-any.whl", ["two.py"])

    done = unpack(tmp_path / "wheels", tmp_path / "packages")

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    # What is compiled is used as it is, whatever the time of its source: without the source it still is one.
    asked = "import importlib, sys; [print(importlib.import_module(name).__cached__) for name in ('one.a', 'two')]"
    found = subprocess.run(
        [sys.executable, "-B", "-c", asked], check=True, capture_output=True, text=True, cwd=tmp_path / "packages"
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


#: A compiler that writes down how it is called.
ZIG = """#!/bin/sh
echo "$@" >"$(echo "$@" | sed 's/.* -o \\([^ ]*\\) .*/\\1/')"
"""

# -- module_utils/processing_job_build_context.py ----------------------------------------------------------------------


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone whose image needs one package, which is beside it."""
    root = tmp_path / "clone"
    for part in ("files/docker", "files/processors", "scripts"):
        shutil.copytree(ROOT / part, root / part)
    for part in ("files/processors", "scripts", "scripts/csvswarm"):
        (root / part / "__pycache__").mkdir(exist_ok=True)
        (root / part / "__pycache__" / "left.cpython-311.pyc").write_bytes(b"compiled")
    (root / "requirements").mkdir()
    path = wheel(tmp_path / "index", "one-1.0-py3-none-any.whl", ["one.py"])
    require(root, path, hashlib.sha256(path.read_bytes()).hexdigest())
    compiler = wheel(tmp_path / "index", "ziglang-1.0-py3-none-any.whl", [])
    with zipfile.ZipFile(compiler, "a") as archive:
        archive.writestr("ziglang/zig", ZIG)
    checksum = hashlib.sha256(compiler.read_bytes()).hexdigest()
    (root / "requirements/kernel.txt").write_text(f"ziglang @ {compiler.as_uri()} --hash=sha256:{checksum}\n")
    return root


def require(root: Path, path: Path, checksum: str) -> None:
    (root / "requirements/image.txt").write_text(f"one @ {path.as_uri()} --hash=sha256:{checksum}\n")


def context(root: Path, directory: Path) -> list[str]:
    """Make the context and return the warnings."""
    warnings: list[str] = image_context.prepare(root, directory, "aarch64", "3.13")
    return warnings


def inside(directory: Path) -> set[str]:
    return {str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file()}


def test_build_context_contains_exactly_the_image_files(clone: Path, tmp_path: Path) -> None:
    made = tmp_path / "context"
    (made / "wheels").mkdir(parents=True)
    (made / "wheels/old-1-py3-none-any.whl").write_text("of an earlier time")

    assert context(clone, made) == []

    reports = {ROOT / "scripts/report_job.py", *(ROOT / "scripts/csvswarm/report").iterdir()}
    sources = {
        *(path.name for path in (ROOT / "files/docker").iterdir() if path.is_file()),
        *(f"processors/{path.name}" for path in (ROOT / "files/processors").glob("*.py")),
        *(str(path.relative_to(ROOT)) for path in (ROOT / "scripts").rglob("*.py") if path not in reports),
        *(str(path.relative_to(ROOT)) for path in (ROOT / "scripts/csvswarm/native/src").glob("*.[ch]")),
    }
    kernel = f"scripts/csvswarm/native/built/{library_name('aarch64')}"
    assert inside(made) == sources | {"wheels/one-1.0-py3-none-any.whl", kernel}
    assert (made / kernel).read_text().startswith("cc -target aarch64-linux-gnu.2.28 -std=c11")


def test_packages_of_a_user_are_beside_those_of_the_image(clone: Path, tmp_path: Path) -> None:
    path = wheel(tmp_path / "index", "two-1.0-py3-none-any.whl", ["two.py"])
    lock = tmp_path / "lock.txt"
    lock.write_text(f"two @ {path.as_uri()} --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}\n")

    image_context.prepare(clone, tmp_path / "context", "aarch64", "3.13", lock)

    assert inside(tmp_path / "context/own") == {"two-1.0-py3-none-any.whl"}
    assert inside(tmp_path / "context/wheels") == {"one-1.0-py3-none-any.whl"}


def test_without_the_compiler_there_is_an_image_without_the_kernel(clone: Path, tmp_path: Path) -> None:
    (clone / "requirements/kernel.txt").write_text("ziglang @ file:///nowhere/ziglang-1.0-py3-none-any.whl\n")

    (warning,) = context(clone, tmp_path / "context")

    assert warning.endswith("The compiler could not be fetched: the image has no native kernel.")
    assert not (tmp_path / "context/scripts/csvswarm/native/built").exists()


def compiler(directory: Path, then: str) -> Path:
    """Make a compiler that writes down its process and its caches, and does something else then."""
    zig = directory / "zig"
    record_call = f'echo "$$ $ZIG_GLOBAL_CACHE_DIR $ZIG_LOCAL_CACHE_DIR" >>{directory}/called'
    zig.write_text(f"#!/bin/sh\n{record_call}\n{then}\n")
    zig.chmod(0o755)
    shutil.copytree(ROOT / "scripts", directory / "scripts")
    return zig


def test_hanging_compiler_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    zig = compiler(tmp_path, "exec sleep 600")
    monkeypatch.setattr(image_context, "LIMIT", 10)

    image_context.build_kernel(tmp_path / "scripts", "aarch64", zig)

    assert not list((tmp_path / "scripts/csvswarm/native/built").glob("*aarch64*"))
    process = Path("/proc", (tmp_path / "called").read_text().split()[0], "cmdline")
    # Gone, or a zombie until its parent waits for it.
    wait_until("the compiler is ended", lambda: not process.exists() or process.read_bytes() == b"", 60)


def test_no_compiler_shares_its_cache(tmp_path: Path) -> None:
    zig = compiler(tmp_path, "exit 1")

    for _ in range(2):
        image_context.build_kernel(tmp_path / "scripts", "aarch64", zig)

    first, second = (set(line.split()[1:]) for line in (tmp_path / "called").read_text().splitlines())
    assert not first & second


def test_every_image_file_changes_the_image_name(clone: Path, tmp_path: Path) -> None:
    made = tmp_path / "context"
    assert context(clone, made) == []
    places = {"processors": "files/processors", "scripts": "scripts"}
    names = {image.processing_job_image(str(clone))}

    own = {name for name in inside(made) if not name.startswith("wheels/") and "/built/" not in name}
    for name in sorted(own):
        first, _, rest = name.partition("/")
        path = clone / places[first] / rest if rest else clone / "files/docker" / first
        path.write_bytes(path.read_bytes() + b"\n")
        before = len(names)
        names.add(image.processing_job_image(str(clone)))
        assert len(names) == before + 1, name


def test_package_with_another_hash_is_rejected(clone: Path, tmp_path: Path) -> None:
    require(clone, tmp_path / "index/one-1.0-py3-none-any.whl", "0" * 64)

    with pytest.raises(BuildError, match="DO NOT MATCH THE HASHES") as refused:
        context(clone, tmp_path / "context")

    assert str(refused.value).endswith("could not be fetched: does this machine reach its index?")


@pytest.mark.parametrize("machine", ["aarch64", "x86_64"])
def test_wheels_are_those_of_the_boards(clone: Path, tmp_path: Path, machine: str) -> None:
    path = wheel(tmp_path / "index", f"one-1.0-cp313-cp313-manylinux_2_28_{machine}.whl", ["one.py"])
    require(clone, path, hashlib.sha256(path.read_bytes()).hexdigest())

    if machine == "aarch64":
        assert context(clone, tmp_path / "context") == []
    else:
        with pytest.raises(BuildError, match="is not a supported wheel on this platform"):
            context(clone, tmp_path / "context")


def test_context_is_a_tar_by_its_first_header(tmp_path: Path) -> None:
    """`docker build -` reads no further; anything else is a Dockerfile to it."""
    context = tmp_path / "context"
    context.mkdir()
    (context / "Dockerfile").write_text("FROM debian:13\n")

    image_context.pack_context(context)

    with (tmp_path / "context.tar").open("rb") as file:
        first = tarfile.TarInfo.frombuf(file.read(512), "utf-8", "strict")
    assert (first.type, first.name) == (tarfile.DIRTYPE, ".")
    with tarfile.open(tmp_path / "context.tar") as tar:
        assert tar.getnames() == [".", "./Dockerfile"]
