"""What a user says wrongly is answered with one message that says what to do, and nothing is touched."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.ansible.conftest import Clone

# what the user says (with a good input), a part of the answer
MISTAKES: list[tuple[dict[str, object], str]] = [
    ({"input": ""}, "input is missing: say which CSV file to process"),
    ({"input": "nowhere.csv"}, "nowhere.csv. A relative path starts where you stand"),
    ({"input": "."}, "is a directory. Name one CSV file in it."),
    ({"processor": "median"}, "processor: there is no median. Shipped are"),
    ({"processor": "./mine.py"}, "/mine.py. Shipped are"),
    ({"options": "window"}, "options: 'window' is not a dictionary."),
    ({"options": '{"columns": ["a"'}, """options: '{"columns": ["a"' is not a dictionary."""),
    ({"options": ["window"]}, "is not a dictionary."),
    ({"output": "data.csv"}, "data.csv is a file. Name a directory"),
    ({"chunks": "abc"}, "chunks: 'abc' is neither a number from 1 on nor auto."),
    ({"chunks": 0}, "chunks: '0' is neither a number from 1 on nor auto."),
    ({"workers": "1.5"}, "workers: '1.5' is neither a number from 1 on nor auto."),
    ({"job_id": "../elsewhere"}, "job_id: '../elsewhere' cannot name a job."),
    ({"job_id": "x" * 64}, "cannot name a job."),
    ({"on_error": "foo"}, "on_error: 'foo' is neither fail nor quarantine."),
    ({"delimiter": ""}, "delimiter: '' is not one character. For a tab write -e delimiter=tab"),
    ({"quotechar": '""'}, "quotechar: '\"\"' is not one character."),
    ({"encoding": "utf 8"}, "encoding: 'utf 8' cannot name an encoding."),
    ({"column_types": "string"}, "column_types: 'string' is not a dictionary."),
    ({"null_values": "NA"}, "null_values: 'NA' is not a list of texts."),
    ({"null_values": [0]}, "null_values: '[0]' is not a list of texts."),
    ({"engine": "cloud"}, "engine: 'cloud' is none of auto, local, swarm."),
    ({"engine": "swarm"}, "engine: the inventory has no board in swarm_manager."),
    ({"input": "share:x.csv"}, "leave out -e engine=local"),
    ({"memory": "lots"}, "memory: 'lots' is neither auto nor an amount like 400MB"),
    ({"memory": "1MB"}, "from 64MB on"),
    ({"cpus": "all"}, "cpus: 'all' is not a number of cores like 1 or 0.5."),
    ({"chunk_limit": "1h"}, "chunk_limit: '1h' is not a number of seconds"),
    ({"deadline": -1}, "deadline: '-1' is not a number of seconds"),
    ({"speculate": "often"}, "speculate: 'often' is neither true nor false"),
    ({"proccessor": "aggregate"}, "proccessor: there is no such variable. Did you mean processor?"),
    ({"outptu": "out"}, "outptu: there is no such variable. Did you mean output?"),
    ({"jobid": "x"}, "jobid: there is no such variable. Did you mean job_id?"),
    ({"chunk": 3}, "chunk: there is no such variable. Did you mean chunks?"),
    ({"nfs_server_fromat": True}, "Did you mean nfs_server_format?"),
    ({"zzz": 1}, "zzz: there is no such variable. Remove it"),
]


@pytest.mark.parametrize(("said", "answer"), MISTAKES, ids=[json.dumps(said) for said, _ in MISTAKES])
def test_a_mistake_is_answered_before_anything_is_touched(
    clone: Clone, tmp_path: Path, said: dict[str, object], answer: str
) -> None:
    (tmp_path / "data.csv").write_text("a\n1\n")
    before = clone.files()

    run = clone.run_job("-e", json.dumps({"input": "data.csv", **said}), stand=tmp_path)

    assert run.code != 0
    assert answer in run.message
    assert "\n" not in run.message
    assert clone.files() == before
    assert {path.name for path in tmp_path.iterdir()} == {"clone", "data.csv"}


def test_all_mistakes_are_answered_at_once(clone: Clone) -> None:
    run = clone.run_job("-e", "chunks=abc", "-e", "on_error=foo", "-e", "options=window")

    assert [line.split()[0] for line in run.message.splitlines()] == ["input", "options:", "chunks:", "on_error:"]


def test_a_misspelt_variable_in_a_file_is_an_error_as_well(clone: Clone, tmp_path: Path) -> None:
    (tmp_path / "job.yml").write_text("input: data.csv\nprocesor: aggregate\n")
    (tmp_path / "data.csv").write_text("a\n1\n")

    run = clone.run_job("-e", "@job.yml", stand=tmp_path)

    assert run.message == "procesor: there is no such variable. Did you mean processor?"


def test_variables_of_ansible_the_roles_and_the_inventory_pass(clone: Clone) -> None:
    (clone.root / "inventory/hosts.yml").write_text("all:\n  vars: {rack: 1}\n  hosts: {here: {shelf: 2}}\n")
    (clone.root / "inventory/group_vars").mkdir()
    (clone.root / "inventory/group_vars/all.yml").write_text("room: 3\n")
    said = {"ansible_user": "me", "csvswarm_share": "/srv", "nfs_server_path": "/srv", "rack": 4, "shelf": 5, "room": 6}

    run = clone.run_job("-e", "input=files/samples/flights.csv", "-e", json.dumps(said), "--check")

    assert run.code == 0, run.output
    assert "ladder: there is no" in clone.run_job("-e", "input=files/samples/flights.csv", "-e", "ladder=1").message


def test_check_mode_only_checks(clone: Clone) -> None:
    before = clone.files()

    run = clone.run_job("-e", "input=files/samples/flights.csv", "--check")

    assert run.code == 0
    assert clone.files() == before


def test_boards_in_the_inventory_choose_the_engine(clone: Clone) -> None:
    (clone.root / "inventory/hosts.yml").write_text("swarm_manager:\n  hosts:\n    board1:\n")

    run = clone.run_job("-e", "input=files/samples/flights.csv")

    # There is no such board. It is the run's last word, after Ansible's own about the connection.
    assert run.code != 0
    last = run.output.rpartition("ERROR: ")[2]
    assert "board1: " in last
    assert "no manager is on" in last
    assert "add -e engine=local to run the job on this machine" in last
    assert clone.run_job("-e", "input=files/samples/flights.csv", "-e", "engine=local", "--check").code == 0
