"""The log of an attempt: a failing log never fails the attempt."""

from __future__ import annotations

import errno
import io
import os
from pathlib import Path

import pytest
from csvswarm.process.attempt_log import attempt_log


class FullAtClose(io.FileIO):
    """A file on a full disk, over NFS."""

    def close(self) -> None:
        was_open = not self.closed
        super().close()
        if was_open:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_disk_full_at_close_of_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usual = Path.open

    def open_file(path: Path, mode: str = "r", buffering: int = -1) -> object:
        return FullAtClose(path, mode) if mode == "wb" else usual(path, mode, buffering)

    monkeypatch.setattr(Path, "open", open_file)

    with attempt_log(tmp_path / "it.log") as codes:
        codes.append(errno.ENOSPC)

    assert (tmp_path / "it.log").exists()
