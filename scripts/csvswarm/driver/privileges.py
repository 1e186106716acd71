"""From root of the container to the owner of the jobs.

The container starts as root without any capability but SETUID and SETGID, because only root can learn the group of the
engine's socket and take it. From then on everything runs as the owner. The socket's group is only the *saved* group:
the process takes it on for a call to the engine, and what it executes never has it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path


def become_owner(owner: int, socket: str) -> Callable[[], AbstractContextManager[None]]:
    """Become the owner of the jobs. Return what to enter for a call to the engine.

    A process that is not root stays what it is. Raises OSError when root may not change its ids, or without a socket.
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
