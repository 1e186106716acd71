"""The services that Docker runs, and the privileges of their containers."""

from __future__ import annotations

import json
from typing import Any

import pytest
from csvswarm.driver.services import Round, chunk_service, format_ranges, parse_ranges, stage_service
from hypothesis import given
from hypothesis import strategies as st

from tests.driver.job_requests import ODD, request_of

ROUND = Round(3, 2, (3, 5, 6, 9))
MINE = request_of(processor="/home/me/mine.py", processor_source="/srv/my share/processors/1.py")
WITH_FILES = request_of(
    processor="/home/me/mine.py",
    processor_source="/srv/my share/processors/1.py",
    files=[{"path": "/home/me/lookup.csv", "source": "/srv/my share/inputs/4567"}],
    split_arguments=["--file=/home/me/lookup.csv", "--file=/home/me/data.csv"],
)
SERVICES = {
    "chunks": chunk_service(request_of(), ROUND),
    "retry": chunk_service(request_of(), Round(4, 2, (5,), retries=3), ["board1", "board2"]),
    "split": stage_service(MINE, "split", ["split_dataframe.py"], node="n1", memory=850_000_000),
    "collect": stage_service(MINE, "collect", ["collect_results.py"], node="n1", memory=850_000_000),
}
TMP = {"Target": "/tmp", "Source": None, "Type": "tmpfs", "ReadOnly": False}
JOB = "/srv/my share/jobs/demo.1"


def container(service: dict[str, Any]) -> dict[str, Any]:
    spec: dict[str, Any] = service["task_template"]["ContainerSpec"]
    return spec


def mounts(service: dict[str, Any]) -> list[tuple[str, str, bool]]:
    """Return (source, target, whether it is read-only) of the binds."""
    found = container(service)["Mounts"]
    assert TMP in [mount | {"ReadOnly": mount.get("ReadOnly", False)} for mount in found]
    return [
        (mount["Source"], mount["Target"], bool(mount.get("ReadOnly"))) for mount in found if mount["Type"] == "bind"
    ]


@pytest.mark.parametrize("name", SERVICES)
def test_container_has_minimal_privileges(name: str) -> None:
    service = SERVICES[name]
    spec, template = container(service), service["task_template"]

    assert spec["User"] == "4711:4711"
    assert spec["ReadOnly"] is True
    assert spec["CapabilityDrop"] == ["ALL"]
    assert spec["Init"] is True
    assert template["Resources"]["Limits"]["Pids"] == 256
    assert template["Networks"] == [{"Target": "csvswarm-demo-1_0123abcd_inside"}]
    assert service["endpoint_spec"] == {"Mode": "dnsrr"}
    assert not spec.keys() & {"CapabilityAdd", "Privileges", "Secrets", "Configs", "Hosts", "Groups", "Sysctls"}
    assert "docker.sock" not in json.dumps(service)


@pytest.mark.parametrize("name", SERVICES)
def test_stack_removal_finds_every_service(name: str) -> None:
    labels = SERVICES[name]["labels"]

    assert labels["com.docker.stack.namespace"] == "csvswarm-demo-1_0123abcd"
    assert labels["csvswarm.job"] == "demo.1"
    assert SERVICES[name]["name"].startswith("csvswarm-demo-1_0123abcd_")


def test_one_replica_per_chunk() -> None:
    service = SERVICES["chunks"]
    template = service["task_template"]

    assert service["name"] == "csvswarm-demo-1_0123abcd_chunks-3"
    assert service["mode"] == {"replicated": {"Replicas": 4}}
    assert template["RestartPolicy"] == {
        "Condition": "on-failure",
        "Delay": 2_000_000_000,
        "MaxAttempts": 2,
        "Window": 0,
    }
    assert not template["Placement"].get("Constraints")
    assert template["ContainerSpec"]["Image"] == "csvswarm-job:0123456789ab"
    assert template["ContainerSpec"]["Args"] == [
        "split_processing.py",
        "--json",
        f"--job={JOB}",
        "--round=3",
        "--limit=3600",
    ]


def test_resources_come_from_the_layout() -> None:
    resources = SERVICES["chunks"]["task_template"]["Resources"]

    assert resources["Reservations"] == {"NanoCPUs": 500_000_000, "MemoryBytes": 512_000_001}
    assert resources["Limits"] == {"NanoCPUs": 500_000_000, "MemoryBytes": 384_000_000, "Pids": 256}
    assert SERVICES["split"]["task_template"]["Resources"] == {"Limits": {"MemoryBytes": 850_000_000, "Pids": 256}}


def test_retry_runs_on_other_boards() -> None:
    template = SERVICES["retry"]["task_template"]

    assert template["Placement"]["Constraints"] == ["node.hostname != board1", "node.hostname != board2"]
    assert SERVICES["retry"]["mode"] == {"replicated": {"Replicas": 1}}


def test_swarm_fills_in_only_board_slot_and_attempt() -> None:
    spec = container(SERVICES["chunks"])

    assert spec["Hostname"] == "{{.Node.Hostname}}"
    assert sorted(spec["Env"]) == ["CSVSWARM_ATTEMPT={{.Task.ID}}", "CSVSWARM_SLOT={{.Task.Slot}}"]
    assert json.dumps(SERVICES["chunks"]).count("{{") == 3


def test_mounts_of_a_chunk_container() -> None:
    job, data = (JOB, JOB, False), ("/srv/my share/inputs/0123abcd", "/home/me/data.csv", True)
    output = ("/srv/my share/results/demo.1", "/home/me/results/demo.1", False)

    assert mounts(SERVICES["chunks"]) == mounts(SERVICES["retry"]) == [job, data]
    assert mounts(SERVICES["collect"]) == [job, data, output]
    assert mounts(SERVICES["split"]) == [
        job,
        data,
        output,
        ("/srv/my share/processors/1.py", "/home/me/mine.py", True),
    ]


def test_side_files_are_read_only_everywhere() -> None:
    """The split reads them where the user has them; later containers have the copies in the job's directory."""
    split = stage_service(WITH_FILES, "split", [], node="n1", memory=850_000_000)
    collect = stage_service(WITH_FILES, "collect", [], node="n1", memory=850_000_000)

    assert ("/srv/my share/inputs/4567", "/home/me/lookup.csv", True) in mounts(split)
    assert (f"{JOB}/files", f"{JOB}/files", True) not in mounts(split)
    for later in (collect, chunk_service(WITH_FILES, ROUND)):
        assert mounts(later)[:2] == [(JOB, JOB, False), (f"{JOB}/files", f"{JOB}/files", True)]
        assert not any(target == "/home/me/lookup.csv" for _, target, _ in mounts(later))


def test_odd_paths_reach_docker_unchanged() -> None:
    service = chunk_service(request_of(inputs=[{"source": "/srv/my share/inputs/0123abcd", "target": ODD}]), ROUND)

    assert mounts(service)[1] == ("/srv/my share/inputs/0123abcd", ODD, True)
    # As the engine receives it.
    assert json.loads(json.dumps(service))["task_template"]["ContainerSpec"]["Mounts"][1]["Target"] == ODD


def test_stage_of_a_custom_processor_runs_once_on_one_node() -> None:
    template = SERVICES["split"]["task_template"]

    assert template["RestartPolicy"]["Condition"] == "none"
    assert template["Placement"]["Constraints"] == ["node.id == n1"]


# -- labels ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("round_", [ROUND, Round(4, 2, (5,), retries=3), Round(12, 7, tuple(range(1, 2001)))])
def test_round_is_read_back_from_the_labels_of_its_service(round_: Round) -> None:
    assert Round.from_labels(chunk_service(request_of(), round_)["labels"]) == round_
    assert len(round_.labels()["csvswarm.chunks"]) < 50


def test_other_services_run_no_round() -> None:
    assert Round.from_labels(SERVICES["split"]["labels"]) is None


@given(st.lists(st.integers(1, 100_000), unique=True, min_size=1))
def test_ranges_keep_chunks_and_their_order(chunks: list[int]) -> None:
    assert list(parse_ranges(format_ranges(chunks))) == chunks


@pytest.mark.parametrize("text", ["", "1-", "a", "1,,2", "1--2"])
def test_other_text_is_not_a_list_of_chunks(text: str) -> None:
    with pytest.raises(ValueError, match="is not a list of chunks"):
        parse_ranges(text)
