"""A wrong option ends with one message that names the remedy, and changes nothing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.support.jobs import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.ansible.conftest import Clone

# the user's options (with a good input), a part of the message
MISTAKES: list[tuple[dict[str, object], str]] = [
    ({"input": ""}, "input is missing. Name the CSV file to process"),
    ({"input": "nowhere.csv"}, "nowhere.csv does not exist. A relative path starts in the current directory"),
    ({"input": "*.nope"}, "*.nope matches no file: check the pattern given as input."),
    (
        {"input": ["data.csv", "nowhere.csv"]},
        "nowhere.csv does not exist. A relative path starts in the current directory",
    ),
    ({"input": []}, "input is missing."),
    ({"input": ["data.csv", "share:x.csv"], "engine": "auto"}, "some files are on the share and some are not."),
    ({"union": "some"}, "union is 'some', but must be true or false."),
    ({"source_file": "name"}, "source_file is 'name', but must be true or false."),
    ({"incremental": "some"}, "incremental is 'some', but must be true or false."),
    ({"incremental": True}, "incremental: job_id is missing. Name the job"),
    ({"incremental": True, "job_id": "monthly", "limit": 5}, "incremental: it cannot be combined with limit."),
    ({"processor": "median"}, "processor: median does not exist. Use one of"),
    ({"processor": "./mine.py"}, "/mine.py does not exist. Use one of"),
    ({"options": "window"}, "options: 'window' is not a dictionary."),
    ({"options": '{"columns": ["a"'}, """options: '{"columns": ["a"' is not a dictionary."""),
    ({"options": ["window"]}, "is not a dictionary."),
    ({"steps": "sort"}, "steps is 'sort', but must be a list of steps, without the variables processor and options."),
    (
        {"steps": [{"processor": "sort"}], "options": {"by": ["a"]}},
        "must be a list of steps, without the variables processor and options",
    ),
    ({"steps": [{"processor": "sort"}], "processor": "top"}, "must be a list of steps"),
    ({"files": 7}, "files: '7' is not a list of paths. Write it as JSON"),
    ({"files": ["data.csv", 7]}, "is not a list of paths."),
    ({"files": "lookup.csv"}, "/lookup.csv does not exist. A relative path starts in the current directory"),
    ({"files": ["."]}, "is a directory. Name the files in it."),
    (
        {"files": ["data.csv", "./data.csv"]},
        "/data.csv have the same name, by which a processor finds them.",
    ),
    (
        {"requirements": "none.txt"},
        "/none.txt does not exist. Name a file that lists packages, one per line, like scikit-learn>=1.5.",
    ),
    ({"requirements": "data.csv"}, "requirements: processor statistics needs no packages. Leave out requirements"),
    ({"output": "data.csv"}, "data.csv is a file. Name a directory"),
    ({"chunks": "abc"}, "chunks is 'abc', but must be auto or a whole number from 1 to 100000."),
    ({"chunks": 0}, "chunks is '0', but must be auto or a whole number from 1 to 100000."),
    ({"chunks": 100_000_000}, "chunks is '100000000', but must be auto or a whole number from 1 to 100000."),
    ({"workers": "1.5"}, "workers is '1.5', but must be auto or a whole number from 1 to 100000."),
    ({"job_id": "../elsewhere"}, "job_id: '../elsewhere' is not a valid name."),
    ({"job_id": "x" * 64}, "is not a valid name."),
    ({"on_error": "foo"}, "on_error is 'foo', but must be fail or quarantine."),
    ({"max_rejected": "most"}, "max_rejected is 'most', but must be a number of records or a share from 0% to 100%."),
    ({"max_rejected": "101%"}, "max_rejected is '101%', but must be a number of records"),
    ({"limit": 0}, "limit is '0', but must be none or a whole number of records from 1 to 999999999999999."),
    ({"verify": "maybe"}, "verify is 'maybe', but must be one of auto, true, false."),
    ({"delimiter": ""}, "delimiter: '' is not a single character. For a tab, use -e delimiter=tab"),
    ({"quotechar": '""'}, "quotechar: '\"\"' is not a single character."),
    ({"header": "maybe"}, "header is 'maybe', but must be true, false or a list of names."),
    ({"header": [1]}, "header is '[1]', but must be true, false or a list of names."),
    ({"skip_lines": "two"}, "skip_lines is 'two', but must be a number of lines, 0 or more."),
    ({"trailing_delimiter": 2}, "trailing_delimiter is '2', but must be true or false."),
    ({"escape": "ab"}, "escape: 'ab' is not a single character. For a backslash, use"),
    ({"decimal": ""}, "decimal: '' is not a single character, like the comma of 1,5."),
    ({"thousands": ", "}, "thousands: ', ' is not a single character. For a blank, use"),
    ({"date_format": ["%d"]}, "date_format is '['%d']', but must be a text like %d.%m.%Y or a dictionary"),
    ({"strict": "very"}, "strict is 'very', but must be true or false."),
    ({"output_format": "xls"}, "but must be one of csv, csv.gz, csv.zst, parquet, jsonl, sqlite, xlsx."),
    ({"partition_by": {"a": 1}}, "partition_by is '{'a': 1}', but must be the name of a column or a list of names."),
    ({"partition_by": [1]}, "partition_by is '[1]', but must be the name of a column or a list of names."),
    ({"encoding": "utf 8"}, "encoding: 'utf 8' is not the name of an encoding."),
    ({"column_types": "string"}, "column_types: 'string' is not a dictionary."),
    ({"null_values": "NA"}, "null_values: 'NA' is not a list of texts."),
    ({"null_values": [0]}, "null_values: '[0]' is not a list of texts."),
    ({"engine": "cloud"}, "engine is 'cloud', but must be one of auto, local, swarm."),
    ({"engine": "swarm"}, "engine: the inventory has no board in swarm_manager."),
    ({"input": "share:x.csv"}, "leave out -e engine=local"),
    ({"memory": "lots"}, "memory is 'lots', but must be auto or an amount of at least 64MB, like 400MB."),
    ({"memory": "1MB"}, "must be auto or an amount of at least 64MB"),
    ({"cpus": "all"}, "cpus: 'all' is not a number of cores above 0, like 1 or 0.5."),
    ({"chunk_limit": "1h"}, "chunk_limit: '1h' is not a whole number of seconds from 0 (no limit) to 9999999"),
    ({"deadline": -1}, "deadline: '-1' is not a whole number of seconds from 0"),
    ({"speculate": "often"}, "speculate is 'often', but must be true or false"),
    ({"proccessor": "aggregate"}, "proccessor: unknown variable. Did you mean processor?"),
    ({"outptu": "out"}, "outptu: unknown variable. Did you mean output?"),
    ({"jobid": "x"}, "jobid: unknown variable. Did you mean job_id?"),
    ({"chunk": 3}, "chunk: unknown variable. Did you mean chunks?"),
    ({"nfs_server_fromat": True}, "Did you mean nfs_server_format?"),
    ({"zzz": 1}, "zzz: unknown variable. Remove it"),
]


@pytest.mark.parametrize(("variables", "answer"), MISTAKES, ids=[json.dumps(variables) for variables, _ in MISTAKES])
def test_invalid_variable_is_rejected_before_any_change(
    clone: Clone, tmp_path: Path, variables: dict[str, object], answer: str
) -> None:
    (tmp_path / "data.csv").write_text("a\n1\n")
    before = clone.files()

    run = clone.run_job("-e", json.dumps({"input": "data.csv", **variables}), stand=tmp_path)

    assert run.code != 0
    assert answer in run.message
    assert "\n" not in run.message
    assert clone.files() == before
    assert {path.name for path in tmp_path.iterdir()} == {"clone", "data.csv"}


def test_all_invalid_variables_are_reported_at_once(clone: Clone) -> None:
    run = clone.run_job("-e", "chunks=abc", "-e", "on_error=foo", "-e", "options=window")

    words = [line.split()[0].rstrip(":") for line in run.message.splitlines()]
    assert words == ["input", "options", "chunks", "on_error"]


def test_misspelled_variable_in_a_vars_file_is_rejected(clone: Clone, tmp_path: Path) -> None:
    (tmp_path / "job.yml").write_text("input: data.csv\nprocesor: aggregate\n")
    (tmp_path / "data.csv").write_text("a\n1\n")

    run = clone.run_job("-e", "@job.yml", stand=tmp_path)

    assert run.message == "procesor: unknown variable. Did you mean processor?"


def test_variables_of_ansible_roles_and_inventory_are_accepted(clone: Clone) -> None:
    (clone.root / "inventory/hosts.yml").write_text("all:\n  vars: {rack: 1}\n  hosts: {here: {shelf: 2}}\n")
    (clone.root / "inventory/group_vars").mkdir(exist_ok=True)
    (clone.root / "inventory/group_vars/all.yml").write_text("room: 3\n")
    variables = {
        "ansible_user": "me",
        "csvswarm_share": "/srv",
        "nfs_server_path": "/srv",
        "rack": 4,
        "shelf": 5,
        "room": 6,
    }

    run = clone.run_job("-e", "input=files/samples/flights.csv", "-e", json.dumps(variables), "--check")

    assert run.code == 0, run.output
    assert "ladder: unknown" in clone.run_job("-e", "input=files/samples/flights.csv", "-e", "ladder=1").message


def test_check_reports_the_plan_and_writes_nothing(clone: Clone) -> None:
    before = clone.files()

    run = clone.run_job("-e", "input=files/samples/flights.csv", "-e", "chunks=3", "--check")

    would = "ok: would run statistics over files/samples/flights.csv (2.5 MB, about 3 chunks) on this machine"
    assert would in run.summary.splitlines()
    assert clone.files() == before


CHECKED: list[tuple[dict[str, object], str]] = [
    ({"processor": "transform", "options": {"colums": ["a"]}}, "has no option 'colums'"),
    ({"processor": "transform", "options": {"columns": ["b"]}}, "names a column 'b', but the file has: a."),
    ({"column_types": {"b": "text"}}, "names a column 'b'"),
    ({"encoding": "utf-16"}, "is not utf-16 text near byte 0"),
    ({"processor": "./mine.py"}, "mine.py is not valid Python: line 1"),
]


@pytest.mark.parametrize(("variables", "answer"), CHECKED, ids=[json.dumps(variables) for variables, _ in CHECKED])
def test_check_reports_errors_of_the_split(
    clone: Clone, tmp_path: Path, variables: dict[str, object], answer: str
) -> None:
    (tmp_path / "data.csv").write_text("a\n1\n")
    (tmp_path / "mine.py").write_text("def process(:\n")
    before = clone.files()

    run = clone.run_job("-e", json.dumps({"input": "data.csv", **variables}), "--check", stand=tmp_path)

    assert answer in run.message
    assert clone.files() == before


def test_check_names_the_boards(clone: Clone) -> None:
    (clone.root / "inventory/hosts.yml").write_text("swarm_manager:\n  hosts:\n    board1:\n")

    run = clone.run_job("-e", "input=files/samples/flights.csv", "--check")

    assert "(2.5 MB) on the boards board1, which were not contacted" in run.summary


def test_engine_follows_from_the_inventory(clone: Clone) -> None:
    (clone.root / "inventory/hosts.yml").write_text("swarm_manager:\n  hosts:\n    board1:\n")

    run = clone.run_job("-e", "input=files/samples/flights.csv")

    # The board does not exist. This is the last message of the run, after Ansible's own about the connection.
    assert run.code != 0
    last = run.output.rpartition("ERROR: ")[2]
    assert "board1: " in last
    assert "no manager is on" in last
    assert "add -e engine=local to run it on this machine" in last
    assert clone.run_job("-e", "input=files/samples/flights.csv", "-e", "engine=local", "--check").code == 0


BOARD = "all:\n  children:\n    swarm_manager:\n      hosts:\n        board1:\n"
INPUT = ("-e", f"input={ROOT / 'files/samples/flights.csv'}")


def test_inventory_of_the_clone_is_found_from_another_directory(clone: Clone, tmp_path: Path) -> None:
    (clone.root / "inventory/hosts.yml").write_text(BOARD)

    run = clone.run_job(*INPUT, stand=tmp_path, config=False)

    # The board does not exist; on this machine the job would have succeeded.
    assert "board1: " in run.message
    assert "no manager is on" in run.message


def test_foreign_inventory_without_boards_is_rejected(clone: Clone, tmp_path: Path) -> None:
    (clone.root / "inventory/hosts.yml").write_text(BOARD)
    (tmp_path / "none.yml").write_text("all:\n")

    run = clone.run_job(*INPUT, "-i", str(tmp_path / "none.yml"))

    assert f"engine: the inventory in use ({tmp_path}/none.yml) has no board in swarm_manager" in run.message
    assert f"Add -i {clone.root}/inventory/hosts.yml to run the job on those boards" in run.message
    local = clone.run_job(*INPUT, "-i", str(tmp_path / "none.yml"), "-e", "engine=local", "--check")
    assert local.code == 0, local.output


def test_unreadable_inventory_stops_the_job(clone: Clone) -> None:
    inventory = clone.root / "inventory/hosts.yml"
    inventory.write_text("all:\n  children: [\n")

    run = clone.run_job(*INPUT)

    assert run.code != 0
    assert f"Completely failed to parse inventory source {inventory}" in run.output
    assert not (clone.root / "jobs").exists()
