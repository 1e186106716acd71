"""What a board has at the share's path (found by `__nfs_client_probe` in vars/main.yml), and why it is refused."""

from __future__ import annotations

from typing import Any

#: At most this many names are listed in a message.
MAX_NAMES = 5


def _facts(text: str, kind: str) -> list[str]:
    return [line.partition(" ")[2] for line in text.splitlines() if line.partition(" ")[0] == kind]


def nfs_client_problems(text: str, path: str, server: str) -> list[str]:
    """Return why a board cannot mount the share, each problem with what to do.

    Args:
        text: What `__nfs_client_probe` printed; lines of other scripts are skipped.
        path: The share's folder.
        server: The server's address; empty where it is unknown.
    """
    problems = []
    if _facts(text, "nfs-own-export"):
        problems.append(
            "still exports the share, and is not in the group nfs_server: put it back. To move the share, see "
            "docs/life-cycle.md"
        )
    mounts, names = _facts(text, "nfs-mount"), _facts(text, "nfs-name")
    if mounts:
        problem = _mount_problem(mounts[-1], path, server)
        problems += [problem] if problem else []
    elif names:
        more = " and more" if len(names) > MAX_NAMES else ""
        problems.append(
            f"has files in {path} ({', '.join(names[:MAX_NAMES])}{more}), which the share would hide. Move them away, "
            f"on the board: sudo mv {path} {path}.before"
        )
    for mount in _facts(text, "nfs-v3"):
        source, _, where = mount.partition(" ")
        problems.append(
            f"mounts {source} at {where} with NFS 3, whose helpers (rpcbind, rpc.statd) csvswarm switches off: add "
            f"vers=4.2 to its options in /etc/fstab and remount it, or sudo umount {where}"
        )
    return problems


def _mount_problem(mount: str, path: str, server: str) -> str:
    kind, _, source = mount.partition(" ")
    if kind == "nfs4" and (not server or source == f"{server}:{path}"):
        return ""
    if kind != "nfs4":
        return (
            f"has {source} ({kind}) mounted at {path}: unmount it and remove it from /etc/fstab, or set csvswarm_share "
            "to another path"
        )
    return (
        f"mounts {path} from {source.rpartition(':')[0]}, and the server's address is now {server}. Give the server "
        "its old address back (a fixed address in the router helps). Or, when no job runs, on the board: sudo "
        f"systemctl stop docker csvswarm-share; sudo umount --lazy {path}; then rerun this"
    )


class FilterModule:
    """The filters."""

    def filters(self) -> dict[str, Any]:
        """Return them by name."""
        return {"nfs_client_problems": nfs_client_problems}
