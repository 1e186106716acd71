"""The build context of a job's image, which pip fills."""

from __future__ import annotations

import hashlib
import shutil
import tarfile
import zipfile
from pathlib import Path

import pytest
from csvswarm.native.library import library_name

from tests.lab.kit.polling import wait_until
from tests.processing_job.plugin_loader import image, shared
from tests.processing_job.wheels import inside, wheel
from tests.support.jobs import ROOT

image_context = shared("build_context")
BuildError = shared("image_archive").BuildError


#: A compiler that records its arguments.
ZIG = """#!/bin/sh
echo "$@" >"$(echo "$@" | sed 's/.* -o \\([^ ]*\\) .*/\\1/')"
"""


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
    """Create a compiler that records its process and caches, and then runs another command."""
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
    """`docker build -` decides by that header: it treats anything else as a Dockerfile."""
    context = tmp_path / "context"
    context.mkdir()
    (context / "Dockerfile").write_text("FROM debian:13\n")

    image_context.pack_context(context)

    with (tmp_path / "context.tar").open("rb") as file:
        first = tarfile.TarInfo.frombuf(file.read(512), "utf-8", "strict")
    assert (first.type, first.name) == (tarfile.DIRTYPE, ".")
    with tarfile.open(tmp_path / "context.tar") as tar:
        assert tar.getnames() == [".", "./Dockerfile"]
