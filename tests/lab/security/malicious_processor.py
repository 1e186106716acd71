"""A malicious processor. It tries what must be refused, and its result reports how each try ended.

options: boards (addresses), job (its own directory), input, elsewhere (a file of another job), traps (names in its own
directory that others write to, and their targets), forged (files to leave in its own directory).
"""

from __future__ import annotations

import ctypes
import os
import socket
import stat
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import csvswarm
import pandas as pd

libc = ctypes.CDLL(None, use_errno=True)
OPTIONS = {
    "boards": {"type": "list", "required": True},
    "traps": {"type": "dict", "required": True},
    "forged": {"type": "dict", "required": True},
    **{name: {"type": "str", "required": True} for name in ("elsewhere", "job", "input")},
}
PORTS = (22, 2049, 2375, 2377, 7946, 111)
FORKS = 400


def process(_block: Any, context: Any) -> pd.DataFrame:
    """Try everything, once."""
    tries = {**on_the_kernel(), **on_files(context), **on_the_network(context.options["boards"])}
    set_traps(Path(context.options["job"]), context.options["traps"])
    for name, text in context.options["forged"].items():
        (Path(context.options["job"]) / name).write_text(text)
    return pd.DataFrame({"what": list(tries), "outcome": [outcome(attempt) for attempt in tries.values()]})


def outcome(attempt: Callable[[], object]) -> str:
    """Return the outcome of an attempt: the error's name, or the result."""
    try:
        return f"got {attempt()}"
    except OSError as error:
        return f"{type(error).__name__} {error.errno}"


def call(name: str, *arguments: object) -> int:
    """Call a function of the C library. Raises OSError when it fails."""
    if (result := getattr(libc, name)(*arguments)) == -1:
        raise OSError(ctypes.get_errno(), name)
    return int(result)


def on_the_kernel() -> dict[str, Callable[[], object]]:
    """Try to gain privileges."""
    return {
        "uid": os.getuid,
        "become root": lambda: os.setuid(0),
        "become the group root": lambda: os.setgid(0),
        "capabilities": lambda: [status(name) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")],
        "new privileges": lambda: status("NoNewPrivs"),
        "mount": lambda: call("mount", b"none", b"/tmp", b"tmpfs", 0, None),
        "make a device": lambda: os.mknod("/tmp/disk", stat.S_IFBLK | 0o600, os.makedev(98, 0)),
        "change the host's name": lambda: call("sethostname", b"mine", 4),
        "set the clock": lambda: call("clock_settime", 0, ctypes.create_string_buffer(16)),
        "change the kernel": lambda: Path("/proc/sys/kernel/panic").write_text("1"),
        "restart the board": lambda: Path("/proc/sysrq-trigger").write_text("b"),
        "load a module": lambda: call("syscall", 313, -1, b"", 0),
        "see other processes": others,
        "processes": fork_until_refused,
    }


def status(name: str) -> str:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(line.split()[1] for line in lines if line.startswith(f"{name}:"))


def others() -> list[str]:
    """Return the visible programs other than Python and the container's init."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        words = (place / "cmdline").read_bytes().split(b"\0")
        if not any(known in words[0] for known in (b"python", b"docker-init", b"tini")):
            found.append(words[0].decode())
    return found


def fork_until_refused() -> str:
    """Return "refused" if the container's limit of processes is reached before the board's."""
    reading, writing = os.pipe()
    children = []
    try:
        for _ in range(FORKS):
            child = os.fork()
            if child == 0:
                os.close(writing)
                os.read(reading, 1)  # until the parent closes its end
                os._exit(0)
            children.append(child)
    except BlockingIOError:
        return "refused"
    finally:
        os.close(writing)
        for child in children:
            os.waitpid(child, 0)
    return "as many as it likes"


def on_files(context: Any) -> dict[str, Callable[[], object]]:
    """Try to read and write files of others."""
    options = context.options
    job = Path(options["job"])
    return {
        "write beside the system": lambda: Path("/mine").write_text("x"),
        "write into the system": lambda: Path("/etc/mine").write_text("x"),
        "change the scripts": lambda: open_to_write(Path(csvswarm.__file__)),
        "change the input": lambda: open_to_write(Path(options["input"])),
        "see other jobs": lambda: sorted(path.name for path in job.parent.iterdir() if path != job),
        "read another job": lambda: Path(options["elsewhere"]).read_text(),
        "see the results": lambda: list((job.parent.parent / "results").iterdir()),
        "see the share": lambda: sorted(path.name for path in job.parent.parent.iterdir()),
        "write on the board's disk": lambda: (job.parent / "mine").write_text("x"),
        "query the engine": lambda: knock_unix("/var/run/docker.sock"),
        "find a disk": lambda: [path.name for path in Path("/dev").iterdir() if path.is_block_device()],
    }


def open_to_write(path: Path) -> int:
    with path.open("ab") as file:
        return file.fileno()


def knock_unix(path: str) -> str:
    with socket.socket(socket.AF_UNIX) as one:
        one.connect(path)
    return "an answer"


def on_the_network(boards: list[str]) -> dict[str, Callable[[], object]]:
    """Try to reach the boards and the outside."""
    tries: dict[str, Callable[[], object]] = {
        f"reach {board} {port}": partial(knock, board, port) for board in boards for port in PORTS
    }
    return tries | {"ways out": ways_out, "raw packets": raw}


def raw() -> None:
    """Open a raw socket."""
    socket.socket(socket.AF_PACKET, socket.SOCK_RAW).close()


def knock(board: str, port: int) -> str:
    with socket.create_connection((board, port), timeout=3):
        return "an answer"


def ways_out() -> list[str]:
    """Return the default routes."""
    lines = Path("/proc/net/route").read_text().splitlines()[1:]
    return [line for line in lines if line.split()[1] == "00000000"]


def set_traps(job: Path, traps: dict[str, str]) -> None:
    """Leave links where root's tasks will write."""
    for name, target in traps.items():
        if (job / name).exists():
            (job / name).rename(job / f"moved-{name}")
        (job / name).symlink_to(target)
