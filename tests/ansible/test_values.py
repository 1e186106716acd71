"""A user's values reach the scripts unchanged, or are refused with one message."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.ansible.test_jobs_playbook import jobs
from tests.support.jobs import ROOT, SAMPLE

if TYPE_CHECKING:
    from tests.ansible.conftest import Clone, PlaybookResult

#: Texts that a shell, Ansible, Jinja, YAML or a terminal may interpret.
HOSTILE = (
    "$HOME",
    "${HOME}",
    "$$",
    "~",
    "~root",
    "{{ 1 + 1 }}",
    "{{ nobody }}",
    "{{",
    "{% raw %}",
    "{% endraw %}",
    "{# note",
    "%s %(a)s",
    'it\'s "quoted"',
    "`id`",
    "; id &",
    "a\nb",
    "a\rb",
    "\ttab ",
    "-x",
    "--help",
    "\\",
    "\\n",
    "*?[a]",
    "#",
    ": ",
    "!unsafe a",
    "&a",
    "yes",
    "null",
    "1e3",
    "007",
    "=cmd|'x'!A1",
    "\x1b[31m",
    "\u202ea",
    "\u00e9\U0001f600",
)
#: All of them in one name of a file, which has no slash.
NAME = "-x ~ $HOME ${HOME} {{ 1 + 1 }} {{ nobody {% raw %} {# ' \" ` ; & \\ \\n * # : a\nb\rc\td \u202e\u00e9\U0001f600"

# Records its arguments, and exits like a script that reports an error.
RECORDER = """
import json, os, sys
with open(os.environ["RECORD"], "w") as file:
    json.dump([os.fsencode(word).hex() for word in sys.argv[1:]], file)
sys.exit("recorded")
"""


def given(clone: Clone, monkeypatch: pytest.MonkeyPatch, values: dict[str, Any]) -> dict[str, str]:
    """Run a job with these values, and return the first script's arguments: option -> value."""
    record = clone.root / "record.json"
    (clone.root / "scripts/split_dataframe.py").write_text(RECORDER)
    monkeypatch.setenv("RECORD", str(record))
    run = clone.run_job("-e", json.dumps(values))
    assert record.exists(), run.output
    assert run.message == "recorded"
    words = [bytes.fromhex(word).decode() for word in json.loads(record.read_text())]
    return dict(word.removeprefix("--").partition("=")[::2] for word in words)


def test_values_are_passed_through_unchanged(clone: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = clone.root / NAME
    folder.mkdir()
    (folder / NAME).write_bytes(SAMPLE.read_bytes())
    (folder / f"{NAME}.py").write_text("")
    texts = {text: [text, {text: text}] for text in HOSTILE}
    values: dict[str, Any] = {
        "input": f"{NAME}/{NAME}",
        "processor": f"{NAME}/{NAME}.py",
        "output": f"{NAME}/out {NAME}",
        "options": texts,
        "column_types": dict.fromkeys(HOSTILE, "text"),
        "null_values": list(HOSTILE),
        "delimiter": "$",
        "quotechar": "~",
        "header": list(HOSTILE),
        "date_format": dict.fromkeys(HOSTILE, "%d {{ 1 }} $HOME"),
        "comment": "{{ 1 }}$HOME",
        "escape": "\\",
        "thousands": " ",
    }

    found = given(clone, monkeypatch, values)

    assert found["input"] == f"{folder}/{NAME}"
    assert found["processor"] == f"{folder}/{NAME}.py"
    assert found["output"] == f"{folder}/out {NAME}"
    for name in "options", "column_types", "null_values", "header", "date_format":
        assert json.loads(found[name.replace("_", "-")]) == values[name]
    assert (found["delimiter"], found["quotechar"]) == ("$", "~")
    assert (found["comment"], found["escape"], found["thousands"]) == ("{{ 1 }}$HOME", "\\", " ")


def test_json_text_is_read_literally(clone: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ["{{ nobody }}", "{{", "$HOME"]
    values = {"input": str(SAMPLE), "options": json.dumps({"a": texts}), "null_values": json.dumps(texts)}

    found = given(clone, monkeypatch, values)

    assert json.loads(found["options"]) == {"a": texts}
    assert json.loads(found["null-values"]) == texts


def test_role_alone_does_not_template_values(clone: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
    """A playbook's texts are templates; Ansible does not expand $NAME in them."""
    play = {
        "hosts": "localhost",
        "gather_facts": False,
        "vars": {"mine": "$HOME"},
        "roles": [
            {
                "role": "processing_job",
                "processing_job_input": str(SAMPLE),
                "processing_job_output": "out $HOME",
                "processing_job_options": {"text": "{{ mine }}"},
                "processing_job_null_values": ["~"],
            }
        ],
    }
    (clone.root / "run_job.yml").write_text(json.dumps([play]))

    found = given(clone, monkeypatch, {})

    assert found["output"] == f"{clone.root}/out $HOME"
    assert (json.loads(found["options"]), json.loads(found["null-values"])) == ({"text": "$HOME"}, ["~"])


def test_no_task_passes_values_to_a_module_that_expands_variables() -> None:
    """The modules command and shell replace $NAME in their arguments, which may contain a user's values."""
    for path in (ROOT / "roles/processing_job/tasks").rglob("*.yml"):
        text = path.read_text()
        assert "ansible.builtin.shell" not in text
        assert text.count("ansible.builtin.command:") == text.count("expand_argument_vars: false"), path


def test_comparison_text_is_not_templated(clone: Clone) -> None:
    (clone.root / "data.csv").write_text(f"s,n\n$HOME,1\n{os.environ['HOME']},2\n{{{{ 1 + 1 }}}},3\n2,4\nNA$HOME,5\n")
    options = {"where": 's == "$HOME" or s == "{{ 1 + 1 }}" or s.isnull()'}
    values = {"input": "data.csv", "processor": "transform", "options": options, "null_values": ["NA$HOME"]}
    result = clone.root / "out {{ 1 + 1 }}/result.csv"
    # An unchanged column is copied verbatim, including its missing values.
    wanted = "s,n\n$HOME,1\n{{ 1 + 1 }},3\nNA$HOME,5\n"

    run = clone.run_job("-e", json.dumps(values | {"output": result.parent.name, "job_id": "one"}))

    assert run.code == 0, run.output
    assert result.read_text() == wanted

    result.unlink()
    resumed = jobs(clone, "-e", "action=resume", "-e", "job_id=one")
    assert resumed.code == 0, resumed.output
    assert result.read_text() == wanted


# -- refused -----------------------------------------------------------------------------------------------------------


def refused(clone: Clone, *arguments: str) -> str:
    run: PlaybookResult = clone.run_job(*arguments)
    assert run.code == 2, run.output
    assert not (clone.root / "jobs").exists()
    return run.message


def test_values_that_cannot_be_passed_are_rejected(clone: Clone) -> None:
    values = {
        "input": "a\0b",
        "processor": "./a\0b.py",
        "output": "\0",
        "delimiter": "\0",
        "quotechar": "\0",
        "job_id": "ab\n",
        "encoding": "utf-8\n",
        "chunks": "4\n",
        "workers": "\x1b[31m1",
    }

    nul = "has a NUL character in it, which no file name and no argument can have. Leave it out."
    control = "has a line break or another control character in it. Leave it out."
    assert refused(clone, "-e", json.dumps(values)).splitlines() == [
        rf"input: 'a\x00b' {nul}",
        rf"processor: './a\x00b.py' {nul}",
        rf"output: '\x00' {nul}",
        rf"chunks: '4\x0a' {control}",
        rf"workers: '\x1b[31m1' {control}",
        rf"job_id: 'ab\x0a' {control}",
        rf"delimiter: '\x00' {nul}",
        rf"quotechar: '\x00' {nul}",
        rf"encoding: 'utf-8\x0a' {control}",
    ]


@pytest.mark.skipif(sys.platform == "darwin", reason="file names there are UTF-8")
def test_non_utf8_file_name_is_rejected(clone: Clone) -> None:
    name = os.fsdecode(b"a\xff.csv")
    (clone.root / name).write_bytes(SAMPLE.read_bytes())

    variables = refused(clone, "-e", f"input={name}")
    assert variables == r"input: 'a\xff.csv' is not UTF-8. Rename the file or the folder, or write the value in UTF-8."


def test_rejected_value_is_printed_with_controls_escaped(clone: Clone) -> None:
    run = clone.run_job("-e", json.dumps({"input": "no\x1b[2J\u202e{{ 1 + 1 }}"}))

    assert run.message.startswith(rf"input: {clone.root}/no\x1b[2J\u202e{{{{ 1 + 1 }}}} matches no file")
    assert not {"\x1b", "\u202e"} & set(run.output)


def test_dollar_sign_in_a_path_for_boards_is_rejected(clone: Clone) -> None:
    values = {"engine": "swarm", "input": "a$HOME.csv", "processor": "./${HOME}.py", "output": "$HOME"}

    lines = refused(clone, "-e", json.dumps(values)).splitlines()
    assert [line.partition(" has a dollar sign in it. ")[0] for line in lines] == [
        f"input: {clone.root}/a$HOME.csv",
        f"processor: {clone.root}/${{HOME}}.py",
    ]
