"""One board of the lab: its power, its network, and a shell on it."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass

#: Ports of Swarm; the share is on another one.
SWARM = (("tcp", 2377), ("tcp", 7946), ("udp", 7946), ("udp", 4789))


@dataclass(frozen=True)
class Board:
    """A board. container: the container that boots it. ssh: the command that logs in on it."""

    name: str
    container: str
    ssh: tuple[str, ...]

    # -- from inside -----------------------------------------------------------------------------------------------

    def sh(self, script: str, limit: float = 120) -> str:
        """Run a script as root, and return its output. Raises AssertionError with its error output if it fails."""
        done = self._run(script, limit)
        assert done.returncode == 0, f"{self.name}: {script}\n{done.stdout}{done.stderr}"
        return done.stdout

    def succeeds(self, script: str) -> bool:
        """Whether the board answers, and the script ends well on it."""
        try:
            return self._run(script, 20).returncode == 0
        except subprocess.TimeoutExpired:
            return False

    def _run(self, script: str, limit: float) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self.ssh, "sudo bash -euo pipefail -s"],
            input=script,
            capture_output=True,
            text=True,
            timeout=limit,
            check=False,
        )

    # -- from outside ----------------------------------------------------------------------------------------------

    @property
    def is_on(self) -> bool:
        return self._docker("inspect", "--format={{.State.Running}}", self.container) == "true"

    def cut_power(self) -> None:
        """Cut the power."""
        self._docker("kill", self.container)
        self._close_connection()

    def power_on(self) -> None:
        """Boot from the same disk."""
        self._docker("start", self.container)

    def disconnect(self) -> None:
        """Cut the board off from all networks: it sends no packets, so nothing gets an answer from it.

        Undone in two steps: reconnect_share, then reconnect_swarm.
        """
        rules = [
            f"iptables -w -I {chain} -p {protocol} --{side} {port} -m comment --comment cut -j DROP"
            for protocol, port in SWARM
            for chain in ("INPUT", "OUTPUT")
            for side in ("dport", "sport")
        ]
        self.sh("\n".join(rules))
        self._docker("exec", self.container, "tc", "qdisc", "add", "dev", "eth0", "root", "blackhole")
        self._close_connection()

    def reconnect_share(self) -> None:
        """Reconnect it to the control node and the share, but not to the other boards' Swarm."""
        self._docker("exec", self.container, "tc", "qdisc", "del", "dev", "eth0", "root")

    def reconnect_swarm(self) -> None:
        """Undo all cuts of its network."""
        self.sh("iptables-save | grep -v -- '--comment cut' | iptables-restore -w")

    @property
    def is_disconnected(self) -> bool:
        return "blackhole" in self._docker("exec", self.container, "tc", "qdisc", "show", "dev", "eth0")

    def _close_connection(self) -> None:
        """Close the persistent connection, which would otherwise be waited for."""
        subprocess.run([*self.ssh, "-O", "exit"], capture_output=True, check=False)

    @staticmethod
    def _docker(*words: str) -> str:
        done = subprocess.run(["docker", *words], capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()
