"""NFS and share as found on a board (by `__nfs_server_probe` in vars/main.yml), and why they are refused."""

from __future__ import annotations

import re
from typing import Any

Found = dict[str, Any]

OWN_EXPORTS = "/etc/exports.d/csvswarm.exports"
#: At most this many names are listed in a message.
MAX_NAMES = 5


def nfs_server_found(text: str) -> Found:
    """Return the facts that `__nfs_server_probe` printed; lines of other scripts are skipped.

    Returns:
        exports: (file, line) of each export, the role's own aside; exported: whether the role's own exist;
        mounts: (type, source) of what is mounted at the share's path; v3: (source, path) of each mount with NFS 3;
        names: names in the share's folder, at most MAX_NAMES + 1; id: the id that it carries, or ""; kept: whether the
        server keeps the id of its share.
    """
    found: Found = {"exports": [], "exported": False, "mounts": [], "v3": [], "names": [], "id": "", "kept": False}
    for line in text.splitlines():
        kind, _, rest = line.partition(" ")
        if kind == "nfs-export":
            file, _, export = rest.partition(":")
            if file == OWN_EXPORTS:
                found["exported"] = True
            else:
                found["exports"].append((file, export.strip()))
        elif kind == "nfs-mount":
            found["mounts"].append(tuple(rest.split(" ", 1)))
        elif kind == "nfs-v3":
            found["v3"].append(tuple(rest.split(" ", 1)))
        elif kind == "nfs-name":
            found["names"].append(rest)
        elif kind == "nfs-id":
            found["id"] = rest
        elif kind == "nfs-kept":
            found["kept"] = True
    return found


def joined(names: list[str]) -> str:
    """Return names for a message; beyond MAX_NAMES, the last one stands for all others."""
    shown = names[:MAX_NAMES]
    return ", ".join(shown) + (" and more" if len(names) > MAX_NAMES else "")


def foreign_data(found: Found) -> list[str]:
    """Return names of files that are not the share's; empty if the folder or disk has the share's id, or is empty."""
    if found["id"] or (found["kept"] and found["exported"]):
        return []
    return list(found["names"])


def _export_problem(found: Found, take_over: bool) -> str:
    """Return why foreign exports and the server of csvswarm conflict."""
    roots = [line for _, line in found["exports"] if re.search(r"[(,]fsid=(0|root)[,)]", line)]
    if roots:
        return (
            f"exports {roots[0].split()[0]} with fsid=0, which hides all other exports from NFS 4: remove fsid=0 "
            "there, and mount that folder by its full path on its clients"
        )
    if not found["exports"] or take_over:
        return ""
    lines = ", ".join(sorted({f"{line.split()[0]} ({file})" for file, line in found["exports"]}))
    return (
        f"is an NFS server already: it exports {lines}. csvswarm serves NFS 4.2 alone, so their clients could not use "
        "NFS 3, 4.0 or 4.1. Put the share on another board. Or, if all these clients use NFS 4.2: "
        "nfs_server_take_over: true for this board in the inventory"
    )


def nfs_server_problems(found: Found, path: str, device: str, take_over: bool) -> list[str]:
    """Return why a board cannot be the server of the share, each problem with what to do.

    Args:
        found: What nfs_server_found() returned.
        path: The share's folder.
        device: The disk that will be mounted there; empty where the folder is on the system's disk.
        take_over: Whether the user allows to use a folder with files in it, and to switch old versions of NFS off.
    """
    problems = [problem] if (problem := _export_problem(found, take_over)) else []
    remote = [source for kind, source in found["mounts"] if kind.startswith("nfs")]
    if remote:
        problems.append(
            f"mounts {path} from {remote[-1]}, so it would export another server's files. To move the share here, "
            "see docs/life-cycle.md. If the other share is no longer needed, on every board: sudo systemctl disable "
            f"--now docker csvswarm-share; sudo umount {path}, and remove its line from /etc/fstab"
        )
    elif device and not found["mounts"] and found["names"]:
        problems.append(
            f"has files in {path} ({joined(found['names'])}), which the disk {device} would hide. Copy what you need "
            f"to the disk, then on the board: sudo mv {path} {path}.before"
        )
    elif foreign_data(found) and not take_over:
        problems.append(
            f"has files in {path} that are not of a share of csvswarm ({joined(found['names'])}): the folder would "
            "belong to root, and every board could read it. Move them away, or set csvswarm_share to another path. If "
            "they should be on the share: nfs_server_take_over: true for this board in the inventory"
        )
    return problems + _v3_problems(found)


def _v3_problems(found: Found) -> list[str]:
    """Return the problems of mounts with NFS 3."""
    return [
        f"mounts {source} at {path} with NFS 3, whose helpers (rpcbind, rpc.statd) csvswarm switches off: add vers=4.2 "
        f"to its options in /etc/fstab and remount it, or sudo umount {path}"
        for source, path in found["v3"]
    ]


def nfs_disk_problem(text: str, device: str, take_over: bool) -> str:
    """Return why the file system on a device is refused and what to do, or "".

    Args:
        text: What `__nfs_server_inspect_disk` printed.
        device: The device's path.
        take_over: Whether the user allows to use one with files on it.
    """
    found = nfs_server_found(text)
    if not foreign_data(found | {"kept": False}) or take_over:
        return ""
    return (
        f"{device} has files that are not of a share of csvswarm ({joined(found['names'])}): its top folder would "
        "belong to root, and every board could read it. Choose another disk, or remove these files. If they should be "
        "on the share: nfs_server_take_over: true for this board in the inventory"
    )


class FilterModule:
    """The filters."""

    def filters(self) -> dict[str, Any]:
        """Return them by name."""
        return {
            "nfs_disk_problem": nfs_disk_problem,
            "nfs_server_found": nfs_server_found,
            "nfs_server_problems": nfs_server_problems,
        }
