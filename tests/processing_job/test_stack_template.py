"""What Docker is told: the stack of a round and the containers of split and result, as Ansible renders them."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.processing_job.plugin_loader import ROLE
from tests.support.jobs import ROOT

ANSIBLE_PLAYBOOK = Path(sys.executable).parent / "ansible-playbook"
ODD = "/home/me/d\u00e4ta, 'of' \"mine\": #1 \U0001f600 $HOME ${x} & more.csv"
CASES: dict[str, dict[str, Any]] = {
    "plain": {"processing_job_input": "/home/me/data.csv"},
    "odd": {
        "processing_job_input": ODD,
        "processing_job_output": ODD.removesuffix(".csv"),
        "processing_job_processor": str(ROOT / "files/processors/transform.py"),
        "processing_job_chunks": "4",
    },
    "shared": {"processing_job_input": "share:sets/data.csv"},
    "again": {
        "processing_job_input": "/home/me/data.csv",
        "__processing_job_round": {"number": 3, "generation": 1, "chunks": [5], "avoid": ["board1", "board2"]},
    },
}
INVENTORY = {
    "swarm_manager": {"hosts": {"board1": {}}},
    "swarm_worker": {"hosts": {"board2": {}}},
    "nfs_server": {"hosts": {"board1": {"csvswarm_share": "/srv/my share", "csvswarm_owner_id": 4711}}},
}
LAYOUT = {"limit": 384_000_000, "reservation": 512_000_001, "cpus": 0.5, "slots": {"board1": 1}, "chunks": 7}
LAYOUT["rooms"] = {"board1": 850_000_000, "board2": 1}


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Stack and commands of each case, by the real ansible-playbook with the role's own variables."""
    directory = tmp_path_factory.mktemp("stack")
    found = yaml.safe_load((ROLE / "defaults/main.yml").read_text()) | {
        "__processing_job_id": "demo.1",
        "__processing_job_layout": LAYOUT,
        "__processing_job_round": {"number": 2, "generation": 1, "chunks": [3, 5, 9]},
        "__processing_job_digest": {"stdout_lines": ["0123abcd", "99"]},
        "role_path": str(ROLE),
    }
    play = {
        "hosts": "localhost",
        "gather_facts": False,
        "vars_files": [str(ROLE / f"{name}.yml") for name in ("vars/main/main", "vars/main/swarm")],
    }
    plays = []
    for name, asked in CASES.items():
        written = "{'split': __processing_job_container_split, 'result': __processing_job_container_collect} | to_json"
        tasks = [
            # As look.yml does.
            {
                "ansible.builtin.set_fact": {
                    "__processing_job_named": "{{ __processing_job_image_now }}",
                    "__processing_job_chosen": "board1",
                }
            },
            {
                "ansible.builtin.template": {
                    "src": str(ROLE / "templates/stack.yml.j2"),
                    "dest": str(directory / f"{name}.yml"),
                    "mode": "0600",
                }
            },
            {
                "ansible.builtin.copy": {
                    "content": "{{ " + written + " }}",
                    "dest": str(directory / f"{name}.json"),
                    "mode": "0600",
                }
            },
        ]
        plays.append(play | {"vars": found | asked, "tasks": tasks})
    (directory / "plays.yml").write_text(yaml.safe_dump(plays))
    (directory / "hosts.yml").write_text(yaml.safe_dump(INVENTORY))
    env = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    env |= {"ANSIBLE_FILTER_PLUGINS": str(ROLE / "filter_plugins"), "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")}
    done = subprocess.run(
        [ANSIBLE_PLAYBOOK, "-i", directory / "hosts.yml", directory / "plays.yml"],
        check=False,
        cwd=directory,
        env=env,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert done.returncode == 0, done.stdout
    return {
        name: {"stack": (directory / f"{name}.yml").read_text()} | json.loads((directory / f"{name}.json").read_text())
        for name in CASES
    }


def undollared(value: Any) -> Any:
    """Return a value as Docker reads it, which fills in variables: $$ is a dollar sign, and $ alone would be one."""
    if isinstance(value, dict):
        return {key: undollared(one) for key, one in value.items()}
    if isinstance(value, list):
        return [undollared(one) for one in value]
    if isinstance(value, str):
        assert "$" not in value.replace("$$", ""), value
        return value.replace("$$", "$")
    return value


def chunks(rendered: dict[str, dict[str, Any]], case: str) -> dict[str, Any]:
    stack = undollared(yaml.safe_load(rendered[case]["stack"]))
    assert stack["services"].keys() == {"chunks"}
    service: dict[str, Any] = stack["services"]["chunks"]
    return service


def mounts(command: list[str]) -> list[dict[str, str]]:
    """The mounts of a docker run as docker reads them, each a record of CSV."""
    records = [word.removeprefix("--mount=") for word in command if word.startswith("--mount=")]
    return [dict(field.partition("=")[::2] for field in next(csv.reader([record], strict=True))) for record in records]


# -- the stack ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES)
def test_a_container_may_do_nothing_but_its_work(rendered: dict[str, dict[str, Any]], case: str) -> None:
    service = chunks(rendered, case)

    assert service["user"] == "4711:4711"
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["init"] is True
    assert service["deploy"]["resources"]["limits"]["pids"] == 256
    assert service["networks"] == ["inside"]
    assert not service.keys() & {"ports", "privileged", "cap_add", "devices", "secrets", "configs", "extra_hosts"}


def test_its_network_leads_nowhere(rendered: dict[str, dict[str, Any]]) -> None:
    stack = yaml.safe_load(rendered["plain"]["stack"])

    assert stack["version"] == "3.9"
    assert stack["networks"] == {
        "inside": {"driver": "overlay", "internal": True, "labels": {"csvswarm.job": "demo.1"}}
    }
    assert stack.keys() == {"version", "services", "networks"}


def test_a_replica_for_each_chunk(rendered: dict[str, dict[str, Any]]) -> None:
    service = chunks(rendered, "plain")
    deploy = service["deploy"]

    assert deploy["replicas"] == 3
    assert deploy["endpoint_mode"] == "dnsrr"
    assert deploy["labels"] == {"csvswarm.job": "demo.1", "csvswarm.round": "2"}
    assert deploy["restart_policy"] == {"condition": "on-failure", "delay": "2s", "max_attempts": 2}
    assert "mode" not in deploy
    assert not deploy.get("placement")
    assert service["command"] == [
        "split_processing.py",
        "--json",
        "--job=/srv/my share/jobs/demo.1",
        "--round=2",
        "--limit=3600",
    ]
    assert re.fullmatch("csvswarm-job:[0-9a-f]{12}", service["image"])


def test_second_attempts_run_elsewhere(rendered: dict[str, dict[str, Any]]) -> None:
    deploy = chunks(rendered, "again")["deploy"]

    assert deploy["replicas"] == 1
    assert deploy["labels"]["csvswarm.round"] == "3"
    assert deploy["placement"] == {"constraints": ["node.hostname != board1", "node.hostname != board2"]}


def test_what_swarm_goes_by(rendered: dict[str, dict[str, Any]]) -> None:
    resources = chunks(rendered, "plain")["deploy"]["resources"]

    assert resources["reservations"] == {"cpus": "0.5", "memory": "512000001b"}
    assert resources["limits"] == {"cpus": "0.5", "memory": "384000000b", "pids": 256}


@pytest.mark.parametrize("case", CASES)
def test_swarm_fills_in_nothing_but_name_slot_and_attempt(rendered: dict[str, dict[str, Any]], case: str) -> None:
    service = chunks(rendered, case)

    assert service["hostname"] == "{{.Node.Hostname}}"
    assert service["environment"] == {"CSVSWARM_SLOT": "{{.Task.Slot}}", "CSVSWARM_ATTEMPT": "{{.Task.ID}}"}
    assert rendered[case]["stack"].count("{{") == 3


@pytest.mark.parametrize(
    ("case", "source", "target"),
    [
        ("plain", "/srv/my share/inputs/0123abcd", "/home/me/data.csv"),
        ("odd", "/srv/my share/inputs/0123abcd", ODD),
        ("shared", "/srv/my share/sets/data.csv", "/srv/my share/sets/data.csv"),
    ],
)
def test_what_a_container_sees(rendered: dict[str, dict[str, Any]], case: str, source: str, target: str) -> None:
    job = "/srv/my share/jobs/demo.1"

    assert chunks(rendered, case)["volumes"] == [
        {"type": "bind", "source": job, "target": job},
        {"type": "bind", "source": source, "target": target, "read_only": True},
        # In the long form: the short one is dropped without a word.
        {"type": "tmpfs", "target": "/tmp"},
    ]


def test_no_character_is_written_in_halves(rendered: dict[str, dict[str, Any]]) -> None:
    """Python's YAML puts \\ud83d\\ude00 together; Docker's refuses it."""
    assert not re.search(r"\\u[dD][89abAB]", rendered["odd"]["stack"])


# -- split and result --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("part", ["split", "result"])
def test_split_and_result_may_do_no_more(rendered: dict[str, dict[str, Any]], case: str, part: str) -> None:
    command = rendered[case][part]

    assert command[:2] == ["docker", "run"]
    assert {
        "--rm",
        "--init",
        "--read-only",
        "--cap-drop=ALL",
        "--network=none",
        "--pids-limit=256",
        "--memory=850000000",
        "--tmpfs=/tmp",
        "--user=4711:4711",
        "--label=csvswarm.job=demo.1",
    } < set(command)
    assert not [word for word in command if word.startswith(("--privileged", "--cap-add", "--publish", "--volume"))]


def test_what_the_split_is_told(rendered: dict[str, dict[str, Any]]) -> None:
    command = rendered["plain"]["split"]
    image = next(number for number, word in enumerate(command) if word.startswith("csvswarm-job:"))

    assert command[image + 1 : image + 4] == ["split_dataframe.py", "--durable", "--plan"]
    assert {"--json", "--input=/home/me/data.csv", "--processor=statistics", "--chunks=7"} < set(command[image:])


def test_what_the_user_says_goes_before_the_layout(rendered: dict[str, dict[str, Any]]) -> None:
    assert [word for word in rendered["odd"]["split"] if word.startswith("--chunks")] == ["--chunks=4"]


def test_odd_paths_reach_split_and_result(rendered: dict[str, dict[str, Any]]) -> None:
    job, output = "/srv/my share/jobs/demo.1", "/srv/my share/results/demo.1"
    inputs = {"type": "bind", "source": "/srv/my share/inputs/0123abcd", "target": ODD, "readonly": ""}
    everywhere = [
        {"type": "bind", "source": job, "target": job},
        inputs,
        {"type": "bind", "source": output, "target": ODD.removesuffix(".csv")},
    ]

    assert mounts(rendered["odd"]["result"]) == everywhere
    *others, processor = mounts(rendered["odd"]["split"])
    assert others == everywhere
    assert processor["target"] == str(ROOT / "files/processors/transform.py")
    assert re.fullmatch("/srv/my share/processors/[0-9a-f]{64}[.]py", processor["source"])
    assert f"--input={ODD}" in rendered["odd"]["split"]


def test_a_shipped_processor_is_in_the_image(rendered: dict[str, dict[str, Any]]) -> None:
    assert len(mounts(rendered["plain"]["split"])) == 3


def test_names_of_split_and_result(rendered: dict[str, dict[str, Any]]) -> None:
    names = [word for part in ("split", "result") for word in rendered["plain"][part] if word.startswith("--name=")]

    assert len(set(names)) == 2
    assert all(re.fullmatch("--name=csvswarm-demo-1_[0-9a-f]{8}-0-(split|result)", name) for name in names)
