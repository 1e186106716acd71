"""The image of a job: its name, its archives, and which boards have it."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

#: All files of a clone that go into the image, besides the settings.
PARTS = (
    *("files/docker/*", "files/processors/*.py", "requirements/image.txt", "requirements/kernel.txt"),
    *("scripts/*.py", "scripts/csvswarm/**/*.py", "scripts/csvswarm/native/src/*.[ch]"),
)
#: Files of these that an image does not contain: reports are written on the control node.
OUTSIDE = {"report", "report_job.py"}
#: The label of a node in Swarm: the id of the image that was verified on it.
VERIFIED = "csvswarm.image"


def processing_job_image(root: str, *settings: str) -> str:
    """Return the image's name. Its tag is a hash of its content: the same content has the same name anywhere."""
    digest = hashlib.sha256("\0".join(settings).encode())
    for part in PARTS:
        for path in sorted(Path(root).glob(part)):
            if path.is_file() and not OUTSIDE & {*path.relative_to(root).parts}:
                digest.update(f"\0{path.relative_to(root)}\0{hashlib.sha256(path.read_bytes()).hexdigest()}".encode())
    return f"csvswarm-job:{digest.hexdigest()[:12]}"


def processing_job_archives(architectures: Iterable[str], name: str) -> dict[str, str]:
    """Return the names of an image's archives by architecture."""
    return {one: f"{name.replace(':', '-')}-{one}.tar.gz" for one in architectures}


def processing_job_expected(records: Mapping[str, Mapping[str, str]], name: str) -> dict[str, dict[str, str]]:
    """Return the expected image by architecture: the archive's name, sha256, layers and id."""
    names = processing_job_archives(records, name)
    return {one: {"name": names[one], **record} for one, record in records.items()}


def processing_job_image_ids(records: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """Return the image's id by architecture."""
    return {one: record["id"] for one, record in records.items()}


def processing_job_boards_to_load(
    boards: list[dict[str, Any]], records: Mapping[str, Mapping[str, str]], swarm: Mapping[str, Any], check_all: bool
) -> list[str]:
    """Return the names of the boards that must load the image, or verify that they have it.

    A service that runs by the image's id cannot run another image, so a board is verified only once. With boards of
    several architectures, or one with containerd's image store, whose node is never recorded, it runs by a tag, which
    any board may give to another image, so all are verified.
    swarm: the answer of the module processing_job_swarm_info.
    """
    wanted = {board["name"]: records.get(board["architecture"], {}).get("id") for board in boards}
    is_recorded = all(board["image"] == wanted[board["name"]] for board in boards)
    if check_all or not is_recorded or len({board["architecture"] for board in boards}) > 1:
        return [board["name"] for board in boards]
    return [
        board["name"]
        for board in boards
        if board["id"] == swarm["node_id"] and wanted[board["name"]] not in swarm["images"]
    ]


def processing_job_service_image(
    records: Mapping[str, Mapping[str, str]], tag: str, loads: Mapping[str, Mapping[str, Any]]
) -> str:
    """Return the image of the services: its id if it is the same on all boards, else its tag.

    loads: host -> answer of the module processing_job_image, empty for a board that was not queried. An engine with
    containerd's image store has an id of its own for the same image.
    """
    ids = set(processing_job_image_ids(records).values())
    reported = {str(load["id"]) for load in loads.values() if load.get("id")}
    return ids.pop() if len(ids) == 1 and reported <= ids else tag


def processing_job_nodes_without_image(
    boards: list[dict[str, Any]], loads: Mapping[str, Mapping[str, Any]]
) -> list[str]:
    """Return the names of the boards on which the image was not verified."""
    verified = {load.get("node") for load in loads.values()}
    return [board["name"] for board in boards if board["id"] not in verified]


def processing_job_lacking(image: str, names: list[str], loads: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the message about boards without the image: their names, and what each host has reported."""
    reports = "".join(
        f" {host} reports: {_sentence(str(load['msg']).strip().splitlines()[-1])}"
        for host, load in loads.items()
        if load.get("msg") and not load.get("node")
    )
    return (
        f"{', '.join(names)}: the image {image} is missing, or is another one.{reports} A board of the swarm that is "
        "not in the inventory cannot take part: add it, or drain it."
    )


def _sentence(text: str) -> str:
    return text if text.endswith((".", "?", "!")) else f"{text}."


def processing_job_node_labels(
    loads: Mapping[str, Mapping[str, Any]], records: Mapping[str, Mapping[str, str]]
) -> dict[str, dict[str, str]]:
    """Return the labels of the nodes on which the image was verified by its id, by node id."""
    ids = set(processing_job_image_ids(records).values())
    return {
        str(load["node"]): {VERIFIED: str(load["id"])}
        for load in loads.values()
        if load.get("node") and load["id"] in ids
    }


def processing_job_builder(hosts: list[Mapping[str, Any]], boards: list[dict[str, Any]], architecture: str) -> str:
    """Return the inventory name of the first host that is a schedulable board of an architecture; "" without one.

    hosts: the variables of the boards in the inventory. A board is named as the role board names it.
    """
    names = {board["name"] for board in boards if board["architecture"] == architecture}
    for host in hosts:
        if host.get("board_hostname", host["inventory_hostname_short"]) in names:
            return str(host["inventory_hostname"])
    return ""


def processing_job_not_built(reason: str, architecture: str, where: str, base: str) -> str:
    """Return the message about an image that could not be built. reason: the message of Docker or pip."""
    if "packages of the image could not be fetched" in reason:
        return reason
    last = reason.strip().splitlines()[-1] if reason.strip() else "no reason given"
    return (
        f"The image for boards with {architecture} could not be built on {where}: {last}. It is based on {base}: if "
        "that cannot be pulled, name an available Debian 13 with -e image_base=NAME (docs/jobs-on-boards.md)."
    )


def processing_job_stack_name(job: str) -> str:
    """Return the name of a job's stack. A job's id may be too long, or have characters that are not allowed in it."""
    plain = job.replace(".", "-").replace("_", "-").rstrip("-")
    if plain != job or len(plain) > 30:
        # The underscore, which no plain name has, keeps these names apart from those.
        plain = f"{plain[:24].rstrip('-')}_{hashlib.sha256(job.encode()).hexdigest()[:8]}"
    return f"csvswarm-{plain}"


class FilterModule:
    """The filters, for Ansible."""

    def filters(self) -> dict[str, Callable[..., object]]:
        """Return the filters by name."""
        return {
            "processing_job_archives": processing_job_archives,
            "processing_job_builder": processing_job_builder,
            "processing_job_boards_to_load": processing_job_boards_to_load,
            "processing_job_expected": processing_job_expected,
            "processing_job_image": processing_job_image,
            "processing_job_image_ids": processing_job_image_ids,
            "processing_job_lacking": processing_job_lacking,
            "processing_job_node_labels": processing_job_node_labels,
            "processing_job_nodes_without_image": processing_job_nodes_without_image,
            "processing_job_not_built": processing_job_not_built,
            "processing_job_service_image": processing_job_service_image,
            "processing_job_stack_name": processing_job_stack_name,
        }
