"""A swarm of one node on this machine's engine, the image of a job, and jobs that their driver runs there."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
from docker.errors import APIError, DockerException, NotFound
from docker.types import (
    ConfigReference,
    ContainerSpec,
    EndpointSpec,
    IPAMConfig,
    IPAMPool,
    Mount,
    Placement,
    RestartPolicy,
    ServiceMode,
    TaskTemplate,
)

from tests.driver.job_image import NoEngine, job_image

OWNER = 8765
#: The engine's answer may take a while on a machine that runs the other tests as well.
LIMIT = 180.0
_SOCKET = "/var/run/docker.sock"


def wait_for(condition: Callable[[], Any], what: str) -> Any:
    """Return the first value of a condition that is true. Raises AssertionError after the limit."""
    started = time.monotonic()
    while not (value := condition()):
        if time.monotonic() - started > LIMIT:
            raise AssertionError(f"{what}: not within {LIMIT:.0f} s")
        time.sleep(0.1)
    return value


@dataclass(frozen=True)
class Cluster:
    """The one-node swarm. image: the job image."""

    api: docker.APIClient
    image: str
    share: Path

    @property
    def board(self) -> str:
        return str(self.api.info()["Name"])


@contextmanager
def one_node_swarm() -> Iterator[Cluster]:
    """Yield a swarm of this machine alone. A swarm that is not there yet is left at the end. Raises NoEngine."""
    try:
        # The docker package leaves a socket that could not connect to the garbage collector, which warns later.
        with socket.socket(socket.AF_UNIX) as probe:
            probe.connect(_SOCKET)
        api = docker.APIClient(version="auto", timeout=120)
    except (OSError, DockerException) as error:
        raise NoEngine(f"no Docker engine answers ({error})") from error
    lock = Path(tempfile.gettempdir()) / f"csvswarm-driver-tests.{os.getuid()}.lock"
    with lock.open("w") as file:  # other processes of the same test run
        fcntl.flock(file, fcntl.LOCK_EX)
        image = job_image()
        swarm = api.info()["Swarm"]
        if swarm["LocalNodeState"] == "active" and swarm.get("Nodes") != 1:
            raise NoEngine("this machine is a node of a swarm with other boards")
        made = swarm["LocalNodeState"] != "active"
        if made:
            api.init_swarm(advertise_addr="127.0.0.1", listen_addr="127.0.0.1:2377")
        try:
            with tempfile.TemporaryDirectory(prefix="csvswarm-share-") as share:
                yield Cluster(api, image, Path(share))
        finally:
            if made:
                api.leave_swarm(force=True)
            api.close()


class DriverJob:
    """A job on the swarm, deployed as the control node deploys it."""

    def __init__(self, cluster: Cluster, name: str, source: Path, processor: str | Path = "statistics") -> None:
        self._cluster, self._api, self.name = cluster, cluster.api, name
        self.stack = f"csvswarm-{name}"
        self.directory, self.results = cluster.share / "jobs" / name, cluster.share / "results" / name
        for directory in (self.directory, self.results):
            directory.mkdir(parents=True)
            os.chown(directory, OWNER, OWNER)
        self._input = self._sent("inputs", source)
        self._processor = str(processor)
        self._processor_source = self._sent("processors", processor) if isinstance(processor, Path) else None
        self._labels = {"csvswarm.job": name, "com.docker.stack.namespace": self.stack}

    def _sent(self, folder: str, source: Path) -> Path:
        target = self._cluster.share / folder / f"{self.name}-{source.name}"
        target.parent.mkdir(exist_ok=True)
        shutil.copy(source, target)
        target.chmod(0o444)
        return target

    def request(self, **changes: Any) -> dict[str, Any]:
        """Return the request, with some keys changed."""
        output, data = f"/home/me/results/{self.name}", "/home/me/data.csv"
        job = f"--job={self.directory}"
        split = [job, f"--input={data}", f"--output={output}", f"--processor={self._processor}", "--chunks=3"]
        return {
            "format": 1,
            "job": self.name,
            "stack": self.stack,
            "image": self._cluster.image,
            "image_ids": {},
            "owner": OWNER,
            "job_directory": str(self.directory),
            "output": output,
            "inputs": [{"source": str(self._input), "target": data}],
            "processor": self._processor,
            "processor_source": None if self._processor_source is None else str(self._processor_source),
            "split_arguments": [*split, "--workers=1", "--json"],
            "collect_arguments": [job, f"--output={output}", "--json"],
            "layout": {
                "limit": 400_000_000,
                "reservation": 50_000_000,
                "cpus": 0.5,
                "slots": {},
                "chunks": 3,
                "rooms": {self._cluster.board: 800_000_000},
            },
            "chunk_limit": 600,
            "deadline": 0,
            "speculate": False,
            "restarts": 2,
        } | changes

    def deploy(self, **changes: Any) -> None:
        """Create network, request and driver."""
        request = self.request(**changes)
        # Beside the addresses of other tests' networks on this machine.
        pool = IPAMConfig(pool_configs=[IPAMPool(subnet=f"10.213.{hash(self.name) % 250}.0/24")])
        self._api.create_network(
            f"{self.stack}_inside", driver="overlay", internal=True, labels=self._labels, ipam=pool
        )
        config = self._api.create_config(f"{self.stack}_request", json.dumps(request).encode(), labels=self._labels)
        target = "/run/csvswarm/request.json"
        container = ContainerSpec(
            self._cluster.image,
            args=["job_driver.py", "--request", target],
            hostname="{{.Node.Hostname}}",
            user="0:0",
            labels=self._labels,
            read_only=True,
            init=False,
            cap_drop=["ALL"],
            cap_add=["SETUID", "SETGID"],
            stop_grace_period=10_000_000_000,
            configs=[ConfigReference(config["ID"], f"{self.stack}_request", filename=target, mode=0o444)],
            mounts=[
                Mount(_SOCKET, _SOCKET, type="bind"),
                Mount(str(self.directory), str(self.directory), type="bind"),
                Mount(request["output"], str(self.results), type="bind"),
                *(Mount(file["target"], file["source"], type="bind", read_only=True) for file in request["inputs"]),
                Mount("/tmp", None, type="tmpfs"),
            ],
        )
        template = TaskTemplate(
            container,
            restart_policy=RestartPolicy("on-failure", delay=1_000_000_000),
            placement=Placement(["node.role == manager"]),
            networks=[f"{self.stack}_inside"],
        )
        self._api.create_service(
            template,
            f"{self.stack}_driver",
            labels=self._labels,
            mode=ServiceMode("replicated", replicas=1),
            endpoint_spec=EndpointSpec(mode="dnsrr"),
        )

    # -- what can be seen of it ----------------------------------------------------------------------------------------

    def status(self) -> dict[str, Any]:
        """Return the driver's status, an empty one before there is any."""
        with suppress(FileNotFoundError):
            found: dict[str, Any] = json.loads((self.results / ".status.json").read_text())
            return found
        return {}

    def end(self) -> dict[str, Any]:
        """Return the last status, once the job has ended."""
        final = ("done", "failed", "stopped")

        def ended() -> dict[str, Any] | None:
            status = self.status()
            return status if status.get("stage") in final else None

        try:
            status: dict[str, Any] = wait_for(ended, f"the end of job {self.name}")
        except AssertionError as error:
            raise AssertionError(f"{error}: {self.status()}") from None
        return status

    def services(self) -> list[str]:
        """Return the names of the job's services, without the stack's."""
        found = self._api.services(filters={"label": f"csvswarm.job={self.name}"})
        return sorted(str(service["Spec"]["Name"]).removeprefix(f"{self.stack}_") for service in found)

    def tasks(self, service: str) -> list[dict[str, Any]]:
        """Return the tasks of a service of the job, newest last."""
        with suppress(NotFound):
            found = self._api.tasks(filters={"service": f"{self.stack}_{service}"})
            return sorted(found, key=lambda task: str(task["CreatedAt"]))
        return []

    def containers(self, service: str) -> list[str]:
        """Return the ids of the running containers of a service."""
        name = f"com.docker.swarm.service.name={self.stack}_{service}"
        return [str(one["Id"]) for one in self._api.containers(filters={"label": name})]

    # -- what happens to it --------------------------------------------------------------------------------------------

    def kill_driver(self) -> None:
        """Kill the driver's container, as a power cut would, and wait for the next one."""
        [container] = self.containers("driver")
        self._api.kill(container)
        wait_for(lambda: [one for one in self.containers("driver") if one != container], "another driver")

    def start_second_driver(self) -> str:
        """Start a container like the driver's beside it, as a partitioned swarm may; return its id."""
        [first] = self.containers("driver")
        binds = {
            mount["Source"]: {"bind": mount["Destination"], "mode": "rw" if mount["RW"] else "ro"}
            for mount in self._api.inspect_container(first)["Mounts"]
            if mount["Type"] == "bind"
        }
        target = "/run/csvswarm/request.json"
        request = self._cluster.share / f"{self.name}-request.json"
        request.write_text(json.dumps(self.request()))
        binds[str(request)] = {"bind": target, "mode": "ro"}
        host = self._api.create_host_config(
            binds=binds,
            read_only=True,
            cap_drop=["ALL"],
            cap_add=["SETUID", "SETGID"],
            tmpfs={"/tmp": ""},
        )
        command = ["job_driver.py", "--request", target]
        created = self._api.create_container(self._cluster.image, command, user="0:0", host_config=host)
        self._api.start(created["Id"])
        return str(created["Id"])

    def log_of(self, container: str) -> str:
        """Return what a container has written."""
        return bytes(self._api.logs(container)).decode()

    def remove_container(self, container: str) -> None:
        """Remove a container that this job started beside its services."""
        self._api.remove_container(container, force=True)

    def remove(self) -> None:
        """Remove the stack as `docker stack rm` does, and wait until nothing of it is left."""
        for service in self.services():
            with suppress(NotFound):
                self._api.remove_service(f"{self.stack}_{service}")
        with suppress(NotFound):
            self._api.remove_config(f"{self.stack}_request")

        def is_gone() -> bool:
            if self.services() or self._api.containers(all=True, filters={"label": f"csvswarm.job={self.name}"}):
                return False
            with suppress(NotFound):
                self._api.remove_network(f"{self.stack}_inside")
            return not self._api.networks(names=[f"{self.stack}_inside"])

        def tolerant() -> bool:
            with suppress(APIError):
                return is_gone()
            return False

        wait_for(tolerant, f"the removal of {self.stack}")
