"""The network card of a board that is off: it waits for a wake-on-LAN packet, since a virtual board has no firmware."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass

from tests.lab.kit.board import Board
from tests.lab.kit.polling import wait_until

#: Reads every frame that arrives, and ends at a broadcast with the magic packet for its address. The board's image has
#: perl, but not Python.
LISTEN = r"""
my $mac = pack("H12", shift =~ s/://gr);
my $broadcast = "\xff" x 6;
socket(my $card, 17, 3, unpack("S", pack("n", 3))) or die "no packet socket: $!";
$| = 1;
print "listening\n";
while (defined recv($card, my $frame, 2048, 0)) {
    exit 0 if substr($frame, 0, 6) eq $broadcast && index($frame, $broadcast . $mac x 16) > 0;
}
die "no frame: $!";
"""


@dataclass(frozen=True)
class NetworkCard:
    """A container in the place of the board's. mac: what the packet must name."""

    board: Board
    address: str
    mac: str

    @property
    def container(self) -> str:
        return f"{self.board.container}-card"

    def stand_by(self) -> None:
        """Begin to listen. The board must be off."""
        image = json.loads(docker("inspect", self.board.container))[0]["Config"]["Image"]
        lab = os.environ["CSVSWARM_LAB"]
        docker(
            *("run", "--detach", "--name", self.container, "--label", f"csvswarm.lab={lab}", "--network", lab),
            *("--ip", self.address, "--entrypoint", "perl", image, "-e", LISTEN, self.mac),
        )
        wait_until(f"{self.container} listens", lambda: docker("logs", self.container) == "listening", 30)

    def has_woken(self) -> bool:
        """Whether the packet has arrived."""
        running, code = docker("inspect", "--format={{.State.Running}} {{.State.ExitCode}}", self.container).split()
        assert (running, code) in (("true", "0"), ("false", "0")), docker("logs", self.container)
        return running == "false"

    def remove(self) -> None:
        """Leave the place to the board."""
        docker("rm", "--force", self.container)


def docker(*words: str) -> str:
    done = subprocess.run(["docker", *words], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
