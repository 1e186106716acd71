"""Existing NFS setups and files at the share's path: refused with what was found, and the remedy."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import jinja2
import pytest
import yaml

from tests.roles.playing import ROOT, play, words

ID = "01234567-89ab-cdef-0123-456789abcdef"
SHARE = "/srv/csvswarm"
MEDIA = "nfs-export /etc/exports:/srv/media 192.0.2.0/24(ro)\n"
OWN = f"nfs-export /etc/exports.d/csvswarm.exports:{SHARE} 192.0.2.12(rw)\nnfs-kept\n"
V3 = "nfs-v3 nas:/music /mnt/music\n"


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "package installed docker.io 26\n",
        f"nfs-name .csvswarm-cluster\nnfs-name jobs\nnfs-id {ID}\n",
        OWN + "nfs-name jobs\n",
        f"nfs-mount ext4 /dev/sda1\nnfs-name jobs\nnfs-id {ID}\n",
        "nfs-mount ext4 /dev/sda1\n",
    ],
)
def test_an_empty_folder_and_a_share_of_csvswarm_are_used(server_found: ModuleType, answer: str) -> None:
    assert server_found.nfs_server_problems(server_found.nfs_server_found(answer), SHARE, "", take_over=False) == []


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (MEDIA, "it exports /srv/media (/etc/exports)"),
        (OWN + MEDIA, "it exports /srv/media (/etc/exports)"),
        ("nfs-name photos\nnfs-name taxes\n", f"has files in {SHARE} that are not of a share of csvswarm (photos, tax"),
        ("".join(f"nfs-name {n}\n" for n in range(6)), "(0, 1, 2, 3, 4 and more)"),
        ("nfs-mount xfs /dev/sdb1\nnfs-name photos\n", "(photos)"),
        # The server keeps the id of its share, but the current disk has none.
        ("nfs-kept\nnfs-name photos\n", "(photos)"),
    ],
)
def test_refusals_that_take_over_allows(server_found: ModuleType, answer: str, expected: str) -> None:
    found = server_found.nfs_server_found(answer)

    [problem] = server_found.nfs_server_problems(found, SHARE, "", take_over=False)
    assert expected in problem
    assert "nfs_server_take_over: true" in problem
    assert server_found.nfs_server_problems(found, SHARE, "", take_over=True) == []


@pytest.mark.parametrize(
    ("answer", "device", "expected"),
    [
        ("nfs-export /etc/exports:/srv/nfs4 *(ro,fsid=0)\n", "", "/srv/nfs4 with fsid=0"),
        (f"nfs-mount nfs4 192.0.2.11:{SHARE}\n", "", f"mounts {SHARE} from 192.0.2.11:{SHARE}"),
        (V3, "", "mounts nas:/music at /mnt/music with NFS 3"),
        # A disk would hide the share that is on the system's disk, also one of csvswarm.
        (f"nfs-name jobs\nnfs-id {ID}\n", "/dev/sda1", "(jobs), which the disk /dev/sda1 would hide"),
    ],
)
def test_refusals_that_nothing_allows(server_found: ModuleType, answer: str, device: str, expected: str) -> None:
    found = server_found.nfs_server_found(answer)

    [problem] = server_found.nfs_server_problems(found, SHARE, device, take_over=True)
    assert expected in problem


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("nfs-own-export\n", "still exports the share"),
        (f"nfs-own-export\nnfs-name jobs\nnfs-id {ID}\n", "still exports the share"),
        ("nfs-name jobs\n", f"sudo mv {SHARE} {SHARE}.before"),
        ("nfs-mount ext4 /dev/sda1\n", "has /dev/sda1 (ext4) mounted"),
        (f"nfs-mount nfs4 192.0.2.11:{SHARE}\n", "from 192.0.2.11, and the server's address is now 192.0.2.99"),
        (V3, "mounts nas:/music at /mnt/music with NFS 3"),
    ],
)
def test_client_mount_hides_no_files(client_found: ModuleType, answer: str, expected: str) -> None:
    problems = client_found.nfs_client_problems(answer, SHARE, "192.0.2.99")
    assert expected in problems[0]


@pytest.mark.parametrize("server", ["192.0.2.11", ""])
def test_own_client_and_bare_board_are_accepted(client_found: ModuleType, server: str) -> None:
    assert client_found.nfs_client_problems("", SHARE, server) == []
    assert client_found.nfs_client_problems(f"nfs-mount nfs4 192.0.2.11:{SHARE}\n", SHARE, server) == []


def script(role: str, name: str, **values: str) -> str:
    """Return a script of a role's variables, as Ansible renders it."""
    variables = yaml.safe_load((ROOT / "roles" / role / "vars/main.yml").read_text())
    environment = jinja2.Environment(autoescape=False)
    environment.filters["quote"] = lambda text: f"'{text}'"
    for key, text in variables.items():
        if isinstance(text, str) and key.endswith("list_files"):
            values[key] = environment.from_string(text).render()
    return environment.from_string(variables[name]).render(values)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder that stands for the board's root."""
    files = {
        "etc/exports": "# a comment\n\n/srv/media *(ro)\n",
        "etc/exports.d/csvswarm.exports": "# Managed\n/srv/csvswarm 192.0.2.12(rw)\n",
        "etc/csvswarm-share-id": ID,
        "proc/mounts": f"nas:/music /mnt/music nfs vers=3 0 0\n/dev/sda1 {tmp_path}/share ext4 rw 0 0\n",
        "share/photos/one": "",
        "share/a\nb": "",
        "share/.csvswarm-cluster": f"{ID}\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def run(shell: str, text: str, root: Path) -> str:
    """Run a script on the folder, inside a here-document, as the role board does; return what it prints."""
    for folder in ("/etc/", "/proc/"):
        text = text.replace(folder, f"{root}{folder}")
    done = subprocess.run(
        [shell, "-c", f"cat <<ANSWERS\n$({text}\n)\nANSWERS\n"], capture_output=True, text=True, check=True, timeout=30
    )
    assert done.stderr == ""
    return done.stdout.replace(str(root), "")


@pytest.mark.skipif(os.geteuid() != 0, reason="the id of a share belongs to root")
@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_server_script_reports_existing_exports(server_found: ModuleType, root: Path, shell: str) -> None:
    text = script("nfs_server", "__nfs_server_probe", nfs_server_path=f"{root}/share")

    found = server_found.nfs_server_found(run(shell, text, root))

    assert found == {
        "exports": [("/etc/exports", "/srv/media *(ro)")],
        "exported": True,
        "mounts": [("ext4", "/dev/sda1")],
        "v3": [("nas:/music", "/mnt/music")],
        "names": [".csvswarm-cluster", "a\\nb", "photos"],
        "id": ID,
        "kept": True,
    }


@pytest.mark.parametrize("spoil", [lambda s: s.write_text("no id"), lambda s: (s.unlink(), s.symlink_to("photos/one"))])
def test_invalid_share_ids(server_found: ModuleType, root: Path, spoil: Callable[[Path], object]) -> None:
    spoil(root / "share/.csvswarm-cluster")
    text = script("nfs_server", "__nfs_server_probe", nfs_server_path=f"{root}/share")

    assert server_found.nfs_server_found(run("sh", text, root))["id"] == ""


def test_nfs_mounts_are_not_listed(server_found: ModuleType, root: Path) -> None:
    """Its server may be off, and the script would never end."""
    (root / "proc/mounts").write_text(f"192.0.2.11:/srv {root}/share nfs4 rw 0 0\n")
    server = script("nfs_server", "__nfs_server_probe", nfs_server_path=f"{root}/share")
    client = script("nfs_client", "__nfs_client_probe", nfs_client_path=f"{root}/share")

    assert server_found.nfs_server_found(run("sh", server, root))["names"] == []
    assert run("sh", client, root).split() == ["nfs-own-export", "nfs-mount", "nfs4", "192.0.2.11:/srv"]


def test_client_script_reports_existing_mounts(root: Path) -> None:
    (root / "proc/mounts").write_text("")
    text = script("nfs_client", "__nfs_client_probe", nfs_client_path=f"{root}/share")

    assert "nfs-name photos\n" in run("bash", text, root)


@pytest.mark.skipif(
    os.geteuid() != 0 or not all(map(shutil.which, ("unshare", "mkfs.ext4"))), reason="needs root to mount a disk"
)
@pytest.mark.parametrize(("content", "adopted"), [("photos", False), ("", True), (".csvswarm-cluster", True)])
def test_a_disk_is_adopted_with_the_id_of_a_share_or_empty(
    server_found: ModuleType, tmp_path: Path, content: str, adopted: bool
) -> None:
    """On a real file system, which is not written to."""
    disk, files = tmp_path / "disk.img", tmp_path / "files"
    files.mkdir()
    if content:
        (files / content).write_text(f"{ID}\n")
    subprocess.run(["mkfs.ext4", "-q", "-d", files, disk, "8M"], check=True, timeout=60)
    before = disk.read_bytes()
    text = script("nfs_server", "__nfs_server_inspect_disk").replace("ro,$options", "loop,ro,$options")

    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", text, "sh", disk, "ext4"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    if "loop device" in done.stderr:
        pytest.skip("this machine has no loop devices")

    assert done.returncode == 0, done.stderr
    problem = server_found.nfs_disk_problem(done.stdout, "/dev/sdb1", take_over=False)
    assert ("photos" in problem) is not adopted
    assert server_found.nfs_disk_problem(done.stdout, "/dev/sdb1", take_over=True) == ""
    assert disk.read_bytes() == before


PLAY = """
- hosts: b1
  gather_facts: false
  vars: {board_seen: {answers: ANSWER}, nfs_client_server: 192.0.2.11, nfs_server_path: /srv/csvswarm}
  tasks:
    - {name: detect, import_role: {name: ROLE, tasks_from: preflight_found.yml}}
    - {name: passed, debug: {msg: nothing is refused}}
"""


@pytest.mark.parametrize(
    ("role", "answer", "expected"),
    [
        ("nfs_server", MEDIA, "b1 is an NFS server already"),
        ("nfs_server", OWN, "nothing is refused"),
        ("nfs_client", "nfs-name photos", "b1 has files in /srv/csvswarm (photos)"),
        ("nfs_client", "", "nothing is refused"),
    ],
)
def test_a_refusal_names_the_board(tmp_path: Path, role: str, answer: str, expected: str) -> None:
    (tmp_path / "hosts.yml").write_text(
        "all: {hosts: {b1: {ansible_connection: local, ansible_python_interpreter: /bin/false}}}\n"
    )
    (tmp_path / "play.yml").write_text(PLAY.replace("ANSWER", json.dumps(answer)).replace("ROLE", role))

    done = play(tmp_path / "play.yml", "-i", tmp_path / "hosts.yml", ANSIBLE_CONFIG=str(ROOT / "ansible.cfg"))

    assert expected in words(done)
