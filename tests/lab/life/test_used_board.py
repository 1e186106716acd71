"""A board whose image keeps its host name with cloud-init."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest

from tests.lab.kit.board import Board
from tests.lab.kit.lab import Lab
from tests.lab.kit.polling import wait_until
from tests.lab.life.conftest import Play, all_ready

# As an SD card imager writes it. No other module of cloud-init runs, because the lab sets up keys and network.
CLOUD_INIT = """
apt-get install --yes --quiet --no-install-recommends cloud-init </dev/null
mkdir -p /var/lib/cloud/seed/nocloud
echo 'instance-id: life' >/var/lib/cloud/seed/nocloud/meta-data
printf '#cloud-config\\nhostname: as-flashed\\nmanage_etc_hosts: true\\n' >/var/lib/cloud/seed/nocloud/user-data
cat >/etc/cloud/cloud.cfg.d/50-life.cfg <<END
network: {config: disabled}
ssh_deletekeys: false
cloud_init_modules: [set_hostname, update_hostname, update_etc_hosts]
cloud_config_modules: []
cloud_final_modules: []
END
"""
# Its exit code is 2 after a warning.
BOOTED = "cloud-init status --wait || [ $? = 2 ]"


@pytest.fixture
def board(cluster: Lab) -> Iterator[Board]:
    """A worker with cloud-init."""
    board = cluster.workers[0]
    try:
        board.sh(f"export DEBIAN_FRONTEND=noninteractive\napt-get update --quiet=2 </dev/null\n{CLOUD_INIT}", 600)
        yield board
    finally:
        remove = "DEBIAN_FRONTEND=noninteractive apt-get purge --yes --quiet cloud-init </dev/null"
        board.sh(f"{remove}\nrm -rf /etc/cloud /var/lib/cloud\nsystemctl reset-failed", 600)


def test_cloud_init_leaves_the_names_alone(cluster: Lab, play: Play, board: Board) -> None:
    code, output = play("site.yml")
    assert code == 0, output[-4000:]

    board.sh("sync")  # all that site.yml wrote is on the disk
    board.cut_power()
    board.power_on()
    wait_until(f"{board.name} boots", partial(board.succeeds, BOOTED), 400)
    board.sh("grep update_etc_hosts /var/log/cloud-init.log")

    assert board.sh("hostname; cat /etc/hostname").split() == [board.name, board.name]
    assert set(cluster.boards) <= set(board.sh("cat /etc/hosts").split())
    wait_until("all boards are ready", partial(all_ready, cluster))
