"""The measured contenders: a job of csvswarm on boards or on this machine, and GNU parallel over ssh."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.boards.timing import ROOT, BenchError, seconds
from bench.tools import OURS

#: The user's code, the same for all: five lines of pandas.
CODE = ROOT / "bench/processors/map.py"
#: The code that GNU parallel runs on a board for each piece.
_PIECE = (
    "import os, sys; sys.path.insert(0, '/tmp'); import pandas, bench_map; "
    "bench_map.process(pandas.read_csv(sys.stdin.buffer), None)"
    ".to_csv(sys.stdout, index=False, header=os.environ['PARALLEL_SEQ'] == '1')"
)
_PLAYBOOK = str(OURS / "ansible-playbook")


@dataclass(frozen=True)
class Job:
    """Jobs of csvswarm with one inventory. inventories: arguments of ansible-playbook; base: the image's base."""

    name: str
    inventories: Sequence[str]
    engine: str
    base: str = "debian:trixie"

    def run(self, source: Path, place: Path, job: str) -> tuple[float, Path]:
        """Process a file. Returns seconds and the result."""
        values = {
            "input": str(source),
            "output": str(place / job),
            "processor": str(CODE),
            "job_id": f"{place.name[-8:]}-{job}",  # the boards keep the jobs of an earlier run
            "engine": self.engine,
            "image_base": self.base,
        }
        command = [_PLAYBOOK, *self.inventories, "run_job.yml", "-e", json.dumps(values)]
        return seconds(command, environment=ansible_environment()), place / job / "result.csv"


@dataclass(frozen=True)
class Board:
    """A board of the lab. ssh: the words of a command that reaches it; cores: its number of them."""

    name: str
    address: str
    cores: int


@dataclass(frozen=True)
class Parallel:
    """GNU parallel over ssh. pandas comes from the boards' own distribution."""

    boards: Sequence[Board]
    user: str
    ssh: str
    name: str = "GNU parallel over ssh"

    def install(self, inventories: Sequence[str]) -> None:
        """Install pandas on the boards, and the user's code."""
        ansible = [str(OURS / "ansible"), *inventories, "all"]
        packages = "name=python3-pandas install_recommends=false update_cache=true"
        for arguments in (
            ["--become", "-m", "ansible.builtin.apt", "-a", packages],
            ["-m", "ansible.builtin.copy", "-a", f"src={CODE} dest=/tmp/bench_map.py"],
        ):
            seconds([*ansible, *arguments], environment=ansible_environment())

    def run(self, source: Path, place: Path, job: str) -> tuple[float, Path]:
        """Process a file in one piece per core, at most 64 MB each. Returns seconds and the result."""
        cores = sum(board.cores for board in self.boards)
        piece = min(-(-source.stat().st_size // cores), 64 << 20)
        hosts = ",".join(f"{board.cores}/{self.user}@{board.address}" for board in self.boards)
        cut = ["--pipepart", "-a", str(source), "--header", ":", "--block", str(piece)]
        run = ["-k", "--ssh", self.ssh, "--sshlogin", hosts, "--tmpdir", str(place)]
        result = place / f"{job}.csv"
        return seconds(["parallel", "--will-cite", *cut, *run, f'python3 -c "{_PIECE}"'], output=result), result


def ansible_environment() -> dict[str, str]:
    """Return this process's environment with the clone's configuration of Ansible."""
    given = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    return given | {
        "PATH": f"{OURS}:{os.environ['PATH']}",
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        "ANSIBLE_NOCOLOR": "1",
    }


def lab(scenario: str) -> tuple[list[str], Parallel]:
    """Return the lab's inventories, and GNU parallel on its boards. Raises BenchError when there is no lab."""
    found = ROOT / ".lab" / scenario / "hosts.yml"
    if not found.is_file():
        raise BenchError(f"the scenario {scenario} has no lab. Create it: make lab")
    text = found.read_text()
    arguments = re.search(r"ansible_ssh_common_args: >-\n\s*(.+)", text)
    key = re.search(r"ansible_ssh_private_key_file: (.+)", text)
    user = re.search(r"ansible_user: (.+)", text)
    if not (arguments and key and user):
        raise BenchError(f"{found}: not written by molecule/shared/create.yml of this version")
    ssh = f"ssh -i {key[1]} {arguments[1].strip()}"
    boards = [
        Board(name, address, 1)
        for name, address in re.findall(r"^    (\S+):\n      ansible_host: (\S+)", text, re.MULTILINE)
    ]
    inventories = [f"--inventory={ROOT}/molecule/{scenario}/inventory", f"--inventory={found}"]
    return inventories, Parallel(boards, user[1], ssh)
