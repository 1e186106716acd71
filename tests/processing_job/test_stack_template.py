"""The stack and the request that a job is deployed with, as Ansible renders them.

Over 300 lines: rendering takes ten seconds, so all tests share one.
"""

from __future__ import annotations

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
ID = f"sha256:{'a' * 64}"
MINE = str(ROOT / "files/processors/transform.py")
CASES: dict[str, dict[str, Any]] = {
    "plain": {"processing_job_input": "/home/me/data.csv"},
    "odd": {
        "processing_job_input": ODD,
        "processing_job_output": ODD.removesuffix(".csv"),
        "processing_job_processor": MINE,
        "processing_job_chunks": "4",
        "processing_job_speculate": "true",
    },
    "shared": {
        "processing_job_input": "share:sets/data.csv",
        "processing_job_files": [MINE],
        "__processing_job_input_info": {"inputs": [], "files": [{"path": MINE, "digest": "4567"}]},
    },
    "many": {
        "processing_job_input": ["/home/me/sets/*.csv", "/home/me/more"],
        "processing_job_union": True,
        "processing_job_source_file": True,
        "__processing_job_input_info": {
            "inputs": [
                {"path": "/home/me/more/b.csv", "digest": "b0", "bytes": 1},
                {"path": "/home/me/sets/a.csv", "digest": "a0", "bytes": 2},
            ],
            "files": [],
        },
    },
}
INVENTORY = {
    "swarm_manager": {"hosts": {"board1": {}}},
    "swarm_worker": {"hosts": {"board2": {}}},
    "nfs_server": {"hosts": {"board1": {"csvswarm_share": "/srv/my share", "csvswarm_owner_id": 4711}}},
}
LAYOUT = {"limit": 384_000_000, "reservation": 512_000_001, "cpus": 0.5, "slots": {"board1": 1}, "chunks": 7}
LAYOUT["rooms"] = {"board1": 850_000_000, "board2": 1}
NODES = [
    {
        "ID": f"n{number}",
        "Spec": {"Role": role, "Availability": "active"},
        "Description": {
            "Hostname": f"board{number}",
            "Platform": {"Architecture": "x86_64"},
            "Resources": {"NanoCPUs": 4_000_000_000, "MemoryBytes": 1_000_000_000},
        },
        "Status": {"State": "ready"},
    }
    for number, role in ((1, "manager"), (2, "worker"))
]


def tasks_for(directory: Path, name: str) -> list[dict[str, Any]]:
    """Return tasks that write the stack and the driver's request of a case into a directory."""
    return [
        # As swarm/prepare.yml does.
        {
            "ansible.builtin.set_fact": {
                "__processing_job_image_tag": "{{ __processing_job_image_tag_now }}",
                "__processing_job_share_info": "{{ __processing_job_share_info }}",
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
                "content": "{{ __processing_job_driver_request | to_json }}",
                "dest": str(directory / f"{name}.json"),
                "mode": "0600",
            }
        },
    ]


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Stack and commands of each case, by the real ansible-playbook with the role's own variables."""
    directory = tmp_path_factory.mktemp("stack")
    found = yaml.safe_load((ROLE / "defaults/main.yml").read_text()) | {
        "__processing_job_id": "demo.1",
        "__processing_job_layout": LAYOUT,
        "__processing_job_input_info": {
            "inputs": [{"path": "{{ __processing_job_inputs[0] }}", "digest": "0123abcd", "bytes": 99}]
        },
        "__processing_job_swarm": {"nodes": NODES},
        "__processing_job_share_info": {
            "inputs": [{"path": "/srv/my share/sets/data.csv", "bytes": 99}],
            "images": {"amd64": {"sha256": "0", "layers": "[] amd64", "id": ID}},
        },
        "role_path": str(ROLE),
    }
    play = {
        "hosts": "localhost",
        "gather_facts": False,
        "vars_files": [str(path) for path in sorted((ROLE / "vars/main").glob("*.yml"))],
    }
    plays = []
    for name, variables in CASES.items():
        plays.append(play | {"vars": found | variables, "tasks": tasks_for(directory, name)})
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
        name: {
            "stack": (directory / f"{name}.yml").read_text(),
            "request": json.loads((directory / f"{name}.json").read_text()),
        }
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


def driver(rendered: dict[str, dict[str, Any]], case: str) -> dict[str, Any]:
    stack = undollared(yaml.safe_load(rendered[case]["stack"]))
    assert stack["services"].keys() == {"driver"}
    service: dict[str, Any] = stack["services"]["driver"]
    return service


# -- the stack ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES)
def test_driver_container_has_minimal_privileges(rendered: dict[str, dict[str, Any]], case: str) -> None:
    service = driver(rendered, case)

    # To switch to the owner of the jobs permanently.
    assert (service["user"], service["cap_drop"], service["cap_add"]) == ("0:0", ["ALL"], ["SETUID", "SETGID"])
    assert service["read_only"] is True
    assert service["init"] is False
    # What the smallest manager can give: the driver may start on any.
    assert service["deploy"]["resources"] == {"limits": {"memory": "850000000b", "pids": 256}}
    assert service["networks"] == ["inside"]
    assert not service.keys() & {"ports", "privileged", "devices", "secrets", "extra_hosts", "environment"}


def test_driver_runs_once_on_any_manager_and_restarts(rendered: dict[str, dict[str, Any]]) -> None:
    deploy = driver(rendered, "plain")["deploy"]

    assert (deploy["replicas"], deploy["placement"]) == (1, {"constraints": ["node.role == manager"]})
    assert deploy["restart_policy"] == {"condition": "on-failure", "delay": "5s"}
    assert deploy["labels"] == {"csvswarm.job": "demo.1"}


def test_everything_of_a_job_has_its_label(rendered: dict[str, dict[str, Any]]) -> None:
    stack = yaml.safe_load(rendered["plain"]["stack"])
    label = {"csvswarm.job": "demo.1"}

    assert stack["version"] == "3.9"
    assert stack["networks"] == {"inside": {"driver": "overlay", "internal": True, "labels": label}}
    assert stack["configs"] == {"request": {"file": "./request.json", "labels": label}}
    assert stack.keys() == {"version", "services", "configs", "networks"}


def test_an_image_runs_by_its_id(rendered: dict[str, dict[str, Any]]) -> None:
    """Another image under the same tag can never run."""
    assert driver(rendered, "plain")["image"] == ID
    assert rendered["plain"]["request"]["image"] == ID
    assert rendered["plain"]["request"]["image_ids"] == {"amd64": ID}


@pytest.mark.parametrize("case", CASES)
def test_swarm_expands_only_the_hostname(rendered: dict[str, dict[str, Any]], case: str) -> None:
    assert driver(rendered, case)["hostname"] == "{{.Node.Hostname}}"
    assert rendered[case]["stack"].count("{{") == 1


@pytest.mark.parametrize(
    ("case", "source", "target"),
    [
        ("plain", "/srv/my share/inputs/0123abcd", "/home/me/data.csv"),
        ("odd", "/srv/my share/inputs/0123abcd", ODD),
        ("shared", "/srv/my share/sets/data.csv", "/srv/my share/sets/data.csv"),
    ],
)
def test_mounts_of_the_driver(rendered: dict[str, dict[str, Any]], case: str, source: str, target: str) -> None:
    job, results = "/srv/my share/jobs/demo.1", "/srv/my share/results/demo.1"
    output = ODD.removesuffix(".csv") if case == "odd" else str(ROOT / "results/demo.1")
    *mounts, memory = driver(rendered, case)["volumes"]

    assert mounts[:4] == [
        {"type": "bind", "source": "/var/run/docker.sock", "target": "/var/run/docker.sock"},
        {"type": "bind", "source": job, "target": job},
        {"type": "bind", "source": results, "target": output},
        {"type": "bind", "source": source, "target": target, "read_only": True},
    ]
    # In the long form: Docker silently drops the short one.
    assert memory == {"type": "tmpfs", "target": "/tmp"}
    processors = mounts[4:]
    if case == "odd":
        (processor,) = processors
        assert (processor["target"], processor["read_only"]) == (MINE, True)
        assert re.fullmatch("/srv/my share/processors/[0-9a-f]{64}[.]py", processor["source"])
        assert rendered[case]["request"]["processor_source"] == processor["source"]
    elif case == "shared":
        (file,) = processors
        assert file == {"type": "bind", "source": "/srv/my share/inputs/4567", "target": MINE, "read_only": True}
        assert rendered[case]["request"]["files"] == [{"path": MINE, "source": file["source"]}]
        assert f"--file={MINE}" in rendered[case]["request"]["split_arguments"]
        assert rendered[case]["request"]["asked"]["file_digests"] == ["4567"]
    else:
        assert processors == []


def test_output_splits_no_character(rendered: dict[str, dict[str, Any]]) -> None:
    """Python's YAML joins surrogate pairs; Docker's refuses them."""
    assert not re.search(r"\\u[dD][89abAB]", rendered["odd"]["stack"])


# -- the request -------------------------------------------------------------------------------------------------------


def test_the_request_of_the_driver(rendered: dict[str, dict[str, Any]]) -> None:
    request = rendered["plain"]["request"]

    assert {name: request[name] for name in ("format", "job", "owner", "restarts", "chunk_limit", "deadline")} == {
        "format": 1,
        "job": "demo.1",
        "owner": 4711,
        "restarts": 2,
        "chunk_limit": 3600,
        "deadline": 0,
    }
    assert re.fullmatch("csvswarm-demo-1_[0-9a-f]{8}", request["stack"])
    assert request["layout"] == LAYOUT
    assert request["job_directory"] == "/srv/my share/jobs/demo.1"
    assert request["inputs"] == [{"source": "/srv/my share/inputs/0123abcd", "target": "/home/me/data.csv"}]
    assert (request["processor"], request["processor_source"]) == ("statistics", None)
    assert (request["speculate"], rendered["odd"]["request"]["speculate"]) == (False, True)
    split = request["split_arguments"]
    assert {"--durable", "--plan", "--json", "--input=/home/me/data.csv", "--chunks=7"} < set(split)
    assert "--output=" + request["output"] in request["collect_arguments"]


def test_many_files_have_the_paths_that_they_have_here(rendered: dict[str, dict[str, Any]]) -> None:
    request = rendered["many"]["request"]
    files = [
        {"source": "/srv/my share/inputs/b0", "target": "/home/me/more/b.csv"},
        {"source": "/srv/my share/inputs/a0", "target": "/home/me/sets/a.csv"},
    ]

    assert request["inputs"] == files
    words = request["split_arguments"]
    assert [word for word in words if word.startswith("--input=")] == [
        "--input=/home/me/sets/*.csv",
        "--input=/home/me/more",
    ]
    assert {"--union", "--source-file"} < set(words)
    binds = [file | {"type": "bind", "read_only": True} for file in files]
    assert all(bind in driver(rendered, "many")["volumes"] for bind in binds)
    assert request["asked"]["input"] == ["/home/me/sets/*.csv", "/home/me/more"]
    assert request["asked"]["input_source"] == "/srv/my share/inputs/b0, /srv/my share/inputs/a0"


def test_user_settings_override_the_layout(rendered: dict[str, dict[str, Any]]) -> None:
    words = rendered["odd"]["request"]["split_arguments"]

    assert [word for word in words if word.startswith("--chunks")] == ["--chunks=4"]
    assert f"--input={ODD}" in words


def test_request_contains_all_that_decides_the_result(rendered: dict[str, dict[str, Any]]) -> None:
    """A run that finds the job deployed compares this: a changed input or processor is another request."""
    request = rendered["odd"]["request"]["asked"]

    assert request["input_source"] == "/srv/my share/inputs/0123abcd"
    assert re.fullmatch("[0-9a-f]{64}", request["processor_digest"])
    assert request.keys() >= {"input", "processor", "options", "output", "on_error", "column_types", "null_values"}
    assert not request.keys() & {"chunks", "memory", "cpus", "workers"}
