"""An NFS server and a disk in use are not changed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.lab.kit.lab import Lab
from tests.lab.life.conftest import Play

IMAGE = "/var/tmp/life-disk.img"  # on a board


@pytest.fixture
def disk(cluster: Lab) -> Iterator[str]:
    """A disk of the server with a file on it."""
    device = cluster.server.sh(
        f"mkdir -p /var/tmp/life && echo mine >/var/tmp/life/photos && truncate -s 32M {IMAGE}\n"
        f"mkfs.ext4 -q -d /var/tmp/life {IMAGE} && modprobe loop && losetup --show --find {IMAGE} && udevadm settle"
    ).strip()
    yield device
    cluster.server.sh(f"losetup --detach {device}; rm -r {IMAGE} /var/tmp/life")


def test_disk_with_files_of_others(cluster: Lab, play: Play, disk: str) -> None:
    before = cluster.server.sh(f"sha256sum {IMAGE}")

    code, output = play("playbooks/preflight.yml", "-e", f"nfs_server_device={disk}")

    assert code != 0
    assert f"{disk} has files that are not of a share of csvswarm (photos)" in output
    assert "Nothing was changed on any board" in output
    assert cluster.server.sh(f"sha256sum {IMAGE}") == before


def test_exports_of_others(cluster: Lab, play: Play) -> None:
    cluster.server.sh("mkdir -p /srv/media && echo '/srv/media *(ro)' >/etc/exports.d/media.exports && exportfs -ra")
    try:
        code, output = play("playbooks/preflight.yml")
        assert code != 0
        assert "it exports /srv/media (/etc/exports.d/media.exports)" in output
        code, output = play("playbooks/preflight.yml", "-e", "nfs_server_take_over=true")
        assert code == 0, output[-4000:]
    finally:
        cluster.server.sh("rm /etc/exports.d/media.exports && exportfs -ra")
