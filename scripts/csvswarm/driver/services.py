"""The Swarm services that a driver creates: one per round of chunks, and split and collect of a custom processor.

Each container runs as the owner of the jobs, without capabilities or a writable system, in an internal network. None
mounts the engine's socket.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from docker.types import (
    ContainerSpec,
    EndpointSpec,
    Mount,
    Placement,
    Resources,
    RestartPolicy,
    ServiceMode,
    TaskTemplate,
)

from csvswarm.driver.request import Request

JOB_LABEL, ROUND_LABEL = "csvswarm.job", "csvswarm.round"
_GENERATION_LABEL, _CHUNKS_LABEL, _RETRY_LABEL = "csvswarm.generation", "csvswarm.chunks", "csvswarm.retries"
#: `docker stack rm` removes what has this label.
STACK_LABEL = "com.docker.stack.namespace"
_SECOND = 1_000_000_000
#: Swarm fills these in. Receipts name the board by its host name.
_BOARD = "{{.Node.Hostname}}"
_SLOT_ENVIRONMENT = {"CSVSWARM_SLOT": "{{.Task.Slot}}", "CSVSWARM_ATTEMPT": "{{.Task.ID}}"}
MAX_PIDS = 256


@dataclass(frozen=True)
class Round:
    """A round and its service. Slot n, counted from 1, is chunks[n - 1].

    retries: number of the round whose chunks this one gives a second attempt, None for a round of its own. All of it is
    stored as labels of the service, which no processor can write, so that another driver can take over.
    """

    number: int
    generation: int
    chunks: tuple[int, ...]
    retries: int | None = None

    def labels(self) -> dict[str, str]:
        labels = {
            ROUND_LABEL: str(self.number),
            _GENERATION_LABEL: str(self.generation),
            _CHUNKS_LABEL: format_ranges(self.chunks),
        }
        return labels if self.retries is None else labels | {_RETRY_LABEL: str(self.retries)}

    @classmethod
    def from_labels(cls, labels: Mapping[str, str]) -> Round | None:
        """Return the round of a service, None when the service runs none."""
        if ROUND_LABEL not in labels:
            return None
        retries = labels.get(_RETRY_LABEL)
        return cls(
            number=int(labels[ROUND_LABEL]),
            generation=int(labels[_GENERATION_LABEL]),
            chunks=parse_ranges(labels[_CHUNKS_LABEL]),
            retries=None if retries is None else int(retries),
        )


def service_name(request: Request, round_: Round) -> str:
    """Return the name of a round's service."""
    return f"{request.stack}_chunks-{round_.number}"


def chunk_service(request: Request, round_: Round, avoid: Sequence[str] = ()) -> dict[str, Any]:
    """Return the arguments that create the service of a round. avoid: boards that must not run it."""
    layout = request.layout
    command = [
        "split_processing.py",
        "--json",
        f"--job={request.job_directory}",
        f"--round={round_.number}",
        f"--limit={request.chunk_limit}",
    ]
    resources = Resources(
        cpu_limit=round(layout.cpus * 1e9),
        mem_limit=layout.limit,
        # Swarm places tasks by these reservations: there is no other queue.
        cpu_reservation=round(layout.cpus * 1e9),
        mem_reservation=layout.reservation,
    )
    return _service(
        request,
        service_name(request, round_),
        command,
        labels=round_.labels(),
        environment=_SLOT_ENVIRONMENT,
        mounts=[*_job(request), *_inputs(request)],
        resources=resources,
        restart=RestartPolicy(condition="on-failure", delay=2 * _SECOND, max_attempts=request.restarts),
        constraints=[f"node.hostname != {board}" for board in avoid],
        replicas=len(round_.chunks),
    )


def stage_service(request: Request, stage: str, command: Sequence[str], *, node: str, memory: int) -> dict[str, Any]:
    """Return the arguments that create the service that splits or collects with a custom processor.

    node: id of the node that runs it. memory: its limit, in bytes.
    """
    is_split = stage == "split"
    mounts = [
        *_job(request, copies=not is_split),
        *_inputs(request),
        _bind(request.output_source, str(request.output)),
    ]
    if request.processor_source is not None and is_split:
        mounts.append(_bind(request.processor_source, request.processor, read_only=True))
    if is_split:
        mounts += [_bind(source, path, read_only=True) for path, source in request.files.items()]
    return _service(
        request,
        f"{request.stack}_{stage}",
        command,
        labels={},
        environment={},
        mounts=mounts,
        resources=Resources(mem_limit=memory),
        restart=RestartPolicy(condition="none"),
        constraints=[f"node.id == {node}"],
        replicas=1,
    )


def _service(
    request: Request,
    name: str,
    command: Sequence[str],
    *,
    labels: Mapping[str, str],
    environment: Mapping[str, str],
    mounts: list[Mount],
    resources: Resources,
    restart: RestartPolicy,
    constraints: list[str],
    replicas: int,
) -> dict[str, Any]:
    common = {JOB_LABEL: request.job, STACK_LABEL: request.stack}
    resources.setdefault("Limits", {})["Pids"] = MAX_PIDS  # the package has no argument for it
    container = ContainerSpec(
        image=request.image,
        args=list(command),
        hostname=_BOARD,
        env=dict(environment),
        user=f"{request.owner}:{request.owner}",
        labels=common,
        mounts=[*mounts, Mount(target="/tmp", source=None, type="tmpfs")],  # noqa: S108 - the container's own
        stop_grace_period=2 * _SECOND,
        read_only=True,
        init=True,
        cap_drop=["ALL"],
    )
    template = TaskTemplate(
        container,
        resources=resources,
        restart_policy=restart,
        placement=Placement(constraints=constraints),
        networks=[f"{request.stack}_inside"],
    )
    return {
        "task_template": template,
        "name": name,
        "labels": {**common, **labels},
        "mode": ServiceMode("replicated", replicas=replicas),
        "endpoint_spec": EndpointSpec(mode="dnsrr"),
    }


def _bind(source: str, target: str, *, read_only: bool = False) -> Mount:
    return Mount(target=target, source=source, type="bind", read_only=read_only)


def _job(request: Request, *, copies: bool = True) -> list[Mount]:
    """Return the mounts of the job's directory. copies: whether it has copies of the side files, as after the split."""
    directory = str(request.job_directory)
    files = f"{directory}/files"
    return [_bind(directory, directory), *[_bind(files, files, read_only=True)] * (copies and request.has_files)]


def _inputs(request: Request) -> list[Mount]:
    return [_bind(source, target, read_only=True) for source, target in request.inputs]


def format_ranges(chunks: Sequence[int]) -> str:
    """Return chunk numbers in their order as text: 1-3,7 for 1, 2, 3, 7."""
    runs: list[list[int]] = []
    for chunk in chunks:
        if runs and chunk == runs[-1][1] + 1:
            runs[-1][1] = chunk
        else:
            runs.append([chunk, chunk])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in runs)


def parse_ranges(text: str) -> tuple[int, ...]:
    """Return the chunk numbers that `format_ranges` wrote."""
    found: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"(\d+)(?:-(\d+))?", part)
        if match is None:
            raise ValueError(f"{text!r} is not a list of chunks")
        found += range(int(match[1]), int(match[2] or match[1]) + 1)
    return tuple(found)
