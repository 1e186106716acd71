"""Switches from the container's root to the owner of the jobs.

The container starts as root with only the capabilities SETUID and SETGID, because only root can read the group of the
engine's socket and join it. From then on everything runs as the owner. The socket's group is only the *saved* group:
the process uses it for a call to the engine, and programs that it executes never have it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path


def become_owner(owner: int, socket: str) -> Callable[[], AbstractContextManager[None]]:
    """Become the owner of the jobs. Return the context manager for calls to the engine.

    A process that is not root keeps its user. Raises OSError when root may not change its ids, or without a socket.
    """
    if os.geteuid() != 0:
        return nullcontext
    group = Path(socket).stat().st_gid
    os.setgroups([])
    os.setresgid(owner, owner, group)
    os.setresuid(owner, owner, owner)

    @contextmanager
    def socket_group() -> Iterator[None]:
        os.setegid(group)
        try:
            yield
        finally:
            os.setegid(owner)

    return socket_group
