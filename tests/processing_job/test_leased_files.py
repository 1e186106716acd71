"""Files that an NFS client has a delegation for are read on the server as soon as the kernel has recalled it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from csvswarm.job.durable_files import read_regular
from csvswarm.job.lock import locked
from csvswarm.job.untrusted_files import open_nonblocking

from tests.processing_job.plugin_loader import files, load
from tests.support.jobs import ROOT
from tests.support.leases import leased

share_folder = load(ROOT / "roles/nfs_server/library/share_folder.py")


def descriptor_bytes(descriptor: int) -> bytes:
    with os.fdopen(descriptor, "rb") as file:
        return file.read()


def module_read(path: Path) -> bytes:
    with files.open_directory(str(path.parent)) as directory:
        text: str = files.untrusted.read_tail(path.name, directory)
    return text.encode()


READERS: dict[str, Callable[[Path], bytes]] = {
    "scripts": read_regular,
    "modules": module_read,
    "modules' descriptors": lambda path: descriptor_bytes(files.open_file(str(path))),
    "share_folder": lambda path: descriptor_bytes(share_folder.open_file(str(path))),
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "receipt.json"
    path.write_bytes(b"{}")
    return path


def test_nonblocking_open_of_a_leased_file_fails(file: Path) -> None:
    with leased(file), pytest.raises(BlockingIOError):
        os.open(file, os.O_RDONLY | os.O_NONBLOCK)


@pytest.mark.parametrize("reader", READERS)
def test_leased_file_is_read(file: Path, reader: str) -> None:
    with leased(file):
        assert READERS[reader](file) == b"{}"


def test_leased_file_is_opened_for_writing(file: Path) -> None:
    with leased(file):
        os.close(open_nonblocking(file, os.O_RDWR))


def test_leased_lock_file_can_be_locked(tmp_path: Path) -> None:
    (tmp_path / "csvswarm.lock").touch()
    with leased(tmp_path / "csvswarm.lock"), locked(tmp_path, "job demo"):
        assert (tmp_path / "csvswarm.lock").read_text()
