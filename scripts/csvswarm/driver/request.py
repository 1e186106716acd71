"""The request of a driver, which the control node passes as a Swarm config."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from csvswarm.errors import CsvswarmError

FORMAT = 1
_Kind = TypeVar("_Kind")


class RequestError(CsvswarmError):
    """The request is not one that this version of csvswarm writes."""


@dataclass(frozen=True)
class Layout:
    """The resources of containers.

    limit, reservation: bytes of memory of a chunk's container. cpus: its cores. rooms: board -> bytes that split and
    collect may use there.
    """

    limit: int
    reservation: int
    cpus: float
    rooms: Mapping[str, int]

    def room(self, board: str) -> int:
        """Return the bytes that one container may use on a board, whatever else runs there."""
        return self.rooms[board] if board in self.rooms else min(self.rooms.values())


@dataclass(frozen=True)
class Request:
    """A job as its driver runs it. Paths ending in _source are on the boards; the others are those of the containers.

    inputs: where each file of the input is on the boards, and in the containers. processor_source: None for a built-in
    processor. files: path -> path on the boards, of side files that the split reads. chunk_limit, deadline: seconds, 0
    for no limit. restarts: how often Swarm restarts a failed attempt.
    """

    job: str
    stack: str
    image: str
    owner: int
    job_directory: Path
    output: Path
    output_source: str
    inputs: tuple[tuple[str, str], ...]
    processor: str
    processor_source: str | None
    files: Mapping[str, str]
    split_arguments: tuple[str, ...]
    collect_arguments: tuple[str, ...]
    layout: Layout
    chunk_limit: int
    deadline: float
    speculate: bool
    restarts: int

    @property
    def is_built_in(self) -> bool:
        """Whether the processor is a built-in one, whose code is that of the image."""
        return self.processor_source is None

    @property
    def has_files(self) -> bool:
        """Whether the job has side files, of which its directory has copies after the split."""
        return any(word.startswith("--file=") for word in self.split_arguments)


def read_request(path: Path) -> Request:
    """Read the request. Raises RequestError."""
    try:
        data = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise RequestError(f"the driver cannot read its request {path}: {error}.") from error
    return parse_request(data)


def parse_request(data: Any) -> Request:
    """Return the request in a JSON value. Raises RequestError that names the key."""
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise RequestError(f"the request has another format than {FORMAT}: run the job with the version of its image.")
    job_directory = _get(data, "job_directory", str)
    source = data.get("processor_source")
    layout = _get(data, "layout", dict)
    rooms = {board: _positive(rooms, board) for rooms in [_get(layout, "rooms", dict)] for board in rooms}
    if not rooms:
        raise RequestError("the request's layout has no rooms.")
    return Request(
        job=_get(data, "job", str),
        stack=_get(data, "stack", str),
        image=_get(data, "image", str),
        owner=int(_positive(data, "owner")),
        job_directory=Path(job_directory),
        output=Path(_get(data, "output", str)),
        output_source=_output_source(data, job_directory),
        inputs=tuple((_get(file, "source", str), _get(file, "target", str)) for file in _get(data, "inputs", list)),
        processor=_get(data, "processor", str),
        processor_source=None if source is None else _get(data, "processor_source", str),
        files=_files(data),
        split_arguments=_words(data, "split_arguments"),
        collect_arguments=_words(data, "collect_arguments"),
        layout=Layout(
            limit=int(_positive(layout, "limit")),
            reservation=int(_positive(layout, "reservation")),
            cpus=_positive(layout, "cpus"),
            rooms={board: int(room) for board, room in rooms.items()},
        ),
        chunk_limit=int(_positive(data, "chunk_limit", zero=True)),
        deadline=_positive(data, "deadline", zero=True),
        speculate=_get(data, "speculate", bool),
        restarts=int(_positive(data, "restarts", zero=True)),
    )


def _output_source(data: dict[str, Any], job_directory: str) -> str:
    """Return the result's directory on the share: beside the folder of the jobs, unless the request names it."""
    if "output_source" in data:
        return _get(data, "output_source", str)
    return str(Path(job_directory).parents[1] / "results" / _get(data, "job", str))


def _files(data: Mapping[str, Any]) -> dict[str, str]:
    files = data.get("files", [])
    if not isinstance(files, list) or not all(isinstance(file, dict) for file in files):
        raise RequestError(f"the request's files are {files!r}, not a list of objects.")
    return {_get(file, "path", str): _get(file, "source", str) for file in files}


def _get(data: Mapping[str, Any], key: str, kind: type[_Kind]) -> _Kind:
    value = data.get(key)
    if not isinstance(value, kind) or value == "":
        raise RequestError(f"the request's {key} is {value!r}, not a value of type {kind.__name__}.")
    return value


def _positive(data: Mapping[str, Any], key: str, *, zero: bool = False) -> float:
    value = data.get(key)
    number = float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
    if not math.isfinite(number) or number < 0 or (number == 0 and not zero):
        raise RequestError(f"the request's {key} is {value!r}, not a number {'from' if zero else 'above'} 0.")
    return number


def _words(data: Mapping[str, Any], key: str) -> tuple[str, ...]:
    words = _get(data, key, list)
    if not all(isinstance(word, str) for word in words):
        raise RequestError(f"the request's {key} is {words!r}, not a list of strings.")
    return tuple(words)
