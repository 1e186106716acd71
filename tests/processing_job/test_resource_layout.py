"""The layout of a job over boards: no board gets more than fits, and none with room is idle."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from hypothesis import given
from hypothesis import strategies as st

from tests.processing_job.plugin_loader import recorded, sizing

MB, GB = 1_000_000, 1_000_000_000


def board(name: str, memory: int, cores: float = 4, *, takes: bool = True) -> dict[str, Any]:
    return {"name": name, "id": f"id-{name}", "memory": memory, "cores": cores, "takes": takes}


def room(one: dict[str, Any]) -> int:
    """A board's memory for containers: all but 15 %, and all but 128 MB."""
    memory = int(one["memory"])
    return min(memory - round(memory * 0.15), memory - 128 * MB)


def placed(one: dict[str, Any], layout: dict[str, Any]) -> int:
    """How many containers Swarm runs on a board at a time. It counts whole bytes, and billionths of a core."""
    cores = round(one["cores"] * 1e9) // round(layout["cpus"] * 1e9)
    return int(min(one["memory"] // layout["reservation"], cores))


mixes = st.lists(
    st.builds(
        board,
        st.just(""),
        st.integers(100 * MB, 64 * GB),
        st.integers(1, 64),
        takes=st.booleans(),
    ),
    min_size=1,
    max_size=12,
).map(lambda boards: [one | {"name": f"board{number}"} for number, one in enumerate(boards)])
memories = st.one_of(st.just("auto"), st.integers(64, 8000).map(lambda megabytes: f"{megabytes}MB"))
# Quarters of a core divide without a remainder in binary as in decimal.
cores_each = st.integers(1, 16).map(lambda quarters: quarters / 4)
sizes = st.integers(0, 10**13)


@given(boards=mixes, size=sizes, memory=memories, cpus=cores_each)
def test_no_board_gets_more_than_fits(boards: list[dict[str, Any]], size: int, memory: str, cpus: float) -> None:
    takers = [one for one in boards if one["takes"]]
    if not takers:
        with pytest.raises(AnsibleFilterError, match="no board can run chunks"):
            sizing.processing_job_layout(boards, size, memory, cpus)
        return

    layout = sizing.processing_job_layout(boards, size, memory, cpus)

    assert layout["reservation"] >= layout["limit"]
    for one in takers:
        count = placed(one, layout)
        assert count * layout["limit"] <= max(room(one), 0)
        assert count * cpus <= one["cores"]
        # The report about the board matches what Swarm will do.
        assert layout["slots"][one["name"]] == count


@given(boards=mixes, size=sizes, memory=memories, cpus=cores_each)
def test_no_board_with_free_memory_is_idle(boards: list[dict[str, Any]], size: int, memory: str, cpus: float) -> None:
    if not any(one["takes"] for one in boards):
        return

    layout = sizing.processing_job_layout(boards, size, memory, cpus)

    idle = {name for name, count in layout["slots"].items() if count == 0}
    able = {
        one["name"]
        for one in boards
        if one["takes"] and room(one) >= layout["limit"] and one["cores"] >= layout["cpus"]
    }
    assert not idle & able


@given(boards=mixes, size=sizes)
def test_unreachable_board_gets_no_containers(boards: list[dict[str, Any]], size: int) -> None:
    if any(one["takes"] for one in boards):
        layout = sizing.processing_job_layout(boards, size)

        assert layout["slots"].keys() == {one["name"] for one in boards if one["takes"]}


@pytest.mark.parametrize(
    ("boards", "limit", "slots"),
    [
        pytest.param([("a", 1000 * MB, 4)], 512, {"a": 1}, id="1 GB"),
        pytest.param([("a", 8192 * MB, 4)], 512, {"a": 4}, id="four cores, 8 GB"),
        pytest.param([("a", 512 * MB, 4)], 384, {"a": 1}, id="512 MB"),
        pytest.param([("a", 512 * MB, 4), ("b", 8192 * MB, 4)], 384, {"a": 1, "b": 4}, id="the smallest decides"),
        pytest.param([("a", 300 * MB, 4), ("b", 1000 * MB, 4)], 256, {"a": 0, "b": 3}, id="too small to take part"),
        pytest.param([("a", 8192 * MB, 16)], 512, {"a": 13}, id="more cores than memory"),
        pytest.param([("a", 1000 * MB, 1), ("b", 1000 * MB, 1)], 512, {"a": 1, "b": 1}, id="one core each"),
    ],
)
def test_layout_of_common_boards(boards: list[tuple[str, int, float]], limit: int, slots: dict[str, int]) -> None:
    layout = sizing.processing_job_layout([board(*one) for one in boards], GB)

    assert (layout["limit"], layout["slots"]) == (limit * MB, slots)


def test_user_limits_apply_to_containers() -> None:
    layout = sizing.processing_job_layout([board("a", 4000 * MB)], GB, "1.5 GiB", 2)

    assert layout["limit"] == 1536 * 1024**2
    assert layout["cpus"] == 2
    assert layout["slots"] == {"a": 2}


def test_memory_larger_than_every_board_is_refused() -> None:
    layout = sizing.processing_job_layout([board("a", 1000 * MB), board("b", 2000 * MB)], GB, "3GB")

    assert set(layout["slots"].values()) == {0}


@pytest.mark.parametrize(
    ("size", "chunks"),
    [
        pytest.param(0, 1, id="nothing"),
        pytest.param(2_481_495, 1, id="the sample"),
        pytest.param(9 * MB, 3, id="a few times the least chunk"),
        pytest.param(100 * MB, 12, id="one for each slot"),
        pytest.param(GB, 16, id="1 GB"),
        pytest.param(100 * GB, 100, id="100 GB"),
    ],
)
def test_chunks(size: int, chunks: int) -> None:
    """On three boards with four slots each."""
    boards = [board(name, 8192 * MB) for name in "abc"]

    assert sizing.processing_job_layout(boards, size)["chunks"] == chunks


@pytest.mark.parametrize("size", [100 * GB, 1000 * GB, 20_000 * GB])
def test_a_slow_board_ends_a_chunk_within_the_usual_limit(size: int) -> None:
    """At half the speed of slow boards, within the default chunk_limit of an hour."""
    layout = sizing.processing_job_layout([board("a", 1000 * MB, 1)], size)

    assert size / layout["chunks"] / (2.5 * MB) < 3600


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("400MB", 400 * MB),
        ("400 mb", 400 * MB),
        ("400M", 400 * MB),
        ("1.5 GiB", 1536 * 1024**2),
        ("1gi", 1024**3),
        ("500KiB", 512_000),
        ("400000000", 400_000_000),
        (400_000_000, 400_000_000),
        (" 64MB ", 64 * MB),
        ("auto", 0),
        ("", 0),
        ("MB", 0),
        ("-5MB", 0),
        ("400 TB", 0),
        ("1e9", 0),
        ("4,5GB", 0),
        ("400MB each", 0),
    ],
)
def test_bytes(text: object, count: int) -> None:
    assert sizing.processing_job_bytes(text) == count


def test_split_and_collect_leave_memory_for_the_system() -> None:
    boards = [board("a", 8192 * MB), board("b", 1000 * MB, takes=False), board("c", 150 * MB)]

    layout = sizing.processing_job_layout(boards, GB)

    assert layout["rooms"] == {"a": room(boards[0]), "b": room(boards[1]), "c": 64 * MB}


# -- the boards of a swarm ---------------------------------------------------------------------------------------------


def test_boards_from_a_recorded_engine() -> None:
    nodes = recorded("waiting")["nodes"]

    boards = sizing.processing_job_boards(nodes[::-1])

    assert [one["name"] for one in boards] == ["board1", "board2", "board3"]
    assert {one["architecture"] for one in boards} == {"amd64"}
    assert {one["cores"] for one in boards} == {1}
    assert all(one["takes"] and not one["why"] for one in boards)
    assert [one["memory"] for one in boards] == [node["Description"]["Resources"]["MemoryBytes"] for node in nodes]
    assert sizing.processing_job_layout(boards, GB)["slots"] == {"board1": 1, "board2": 1, "board3": 1}


def test_node_without_a_description() -> None:
    nodes = recorded("waiting")["nodes"]
    nameless = nodes[0] | {"ID": "x", "Description": {}, "Status": {"State": "unknown"}}

    assert sizing.processing_job_boards([nameless, *nodes]) == sizing.processing_job_boards(nodes)


def test_drained_board_gets_no_containers() -> None:
    boards = sizing.processing_job_boards(recorded("drained")["nodes"])

    assert [(one["name"], one["takes"], one["why"]) for one in boards] == [
        ("board1", True, ""),
        ("board2", False, "is set to drain"),
        ("board3", True, ""),
    ]


def test_board_that_is_down() -> None:
    nodes = recorded("waiting")["nodes"]
    nodes[0]["Status"]["State"] = "down"
    nodes[0]["Spec"]["Availability"] = "drain"
    nodes[1]["Description"]["Platform"]["Architecture"] = "aarch64"
    nodes[2]["Description"]["Platform"]["Architecture"] = "riscv64"

    boards = sizing.processing_job_boards(nodes)

    assert [(one["takes"], one["why"]) for one in boards] == [(False, "is down"), (True, ""), (True, "")]
    assert [one["architecture"] for one in boards] == ["amd64", "arm64", "riscv64"]
