"""The files that a job on boards sends, and where its containers have them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.processing_job.plugin_loader import ROLE, load

inputs = load(ROLE / "filter_plugins/job_inputs.py")
FILES = [
    {"path": "/home/me/a.csv", "digest": "11", "bytes": 10},
    {"path": "/home/me/b.csv.gz", "digest": "22", "bytes": 10},
    {"path": "/home/me/copy of a.csv", "digest": "11", "bytes": 10},
]


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("a.csv", ["a.csv"]),
        (2024, ["2024"]),
        (["a.csv", 1], ["a.csv", "1"]),
        ('["a.csv", "b.csv"]', ["a.csv", "b.csv"]),
        ("[1].csv", ["[1].csv"]),
        ("", [""]),
    ],
)
def test_an_input_is_a_list_of_names(value: object, found: list[str]) -> None:
    assert inputs.processing_job_input_list(value) == found


def test_names_become_absolute_paths() -> None:
    given = ["data/*.csv", "./x//y.csv", "/abs/z", "share:/sets/2024-*.csv", "~/in"]

    assert inputs.processing_job_input_paths(given, "/data", "/srv/share") == [
        "/data/data/*.csv",
        "/data/x/y.csv",
        "/abs/z",
        "/srv/share/sets/2024-*.csv",
        str(Path.home() / "in"),
    ]


def test_each_content_is_sent_once() -> None:
    uploads = inputs.processing_job_input_uploads(FILES, ["33"])

    assert [(one["sha256"], one["source"], one["compress"]) for one in uploads] == [
        ("11", "/home/me/a.csv", True),
        ("22", "/home/me/b.csv.gz", False),
    ]
    assert inputs.processing_job_input_uploads(FILES, ["11", "22"]) == []
    assert [one["target"] for one in inputs.processing_job_input_mounts(FILES, "/srv")] == [
        file["path"] for file in FILES
    ]
    assert inputs.processing_job_input_mounts([{"path": "/srv/sets/a.csv", "bytes": 1}], "/srv") == [
        {"source": "/srv/sets/a.csv", "target": "/srv/sets/a.csv"}
    ]
    assert inputs.processing_job_input_bytes(FILES) == 10 + 50 + 10


def test_a_problem_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "a.csv").touch()

    assert inputs.processing_job_input_problem([str(tmp_path / "a.csv"), str(tmp_path / "a*")]) == ""
    assert inputs.processing_job_input_problem([str(tmp_path / "b.csv")]) == f"{tmp_path / 'b.csv'} does not exist."
    assert "matches no file" in inputs.processing_job_input_problem([str(tmp_path / "*.tsv")])


@pytest.mark.parametrize(
    ("given", "leaves"),
    [
        (["share:a/b.csv"], False),
        (["share:a..b/..c.csv"], False),
        (["share:a/../b.csv"], True),
        (["share:.."], True),
        (["share:a.csv", "share:../b.csv"], True),
        ([], False),
    ],
)
def test_path_out_of_the_share_is_detected(given: list[str], leaves: bool) -> None:
    assert inputs.processing_job_leaves_share(given) is leaves


@pytest.mark.parametrize(
    ("files", "named_input", "processor", "sent"),
    [
        ([], "", "", {}),
        ([], "/a.csv, /b.csv", "", {"input": "/a.csv, /b.csv"}),
        (
            ["/x/l.csv", "/y/m.csv"],
            "/a.csv",
            "/p.py",
            {"input": "/a.csv", "processor": "/p.py", "files: l.csv": "/x/l.csv", "files: m.csv": "/y/m.csv"},
        ),
    ],
)
def test_sent_paths_by_what_the_user_calls_them(
    files: list[str], named_input: str, processor: str, sent: dict[str, str]
) -> None:
    found = inputs.processing_job_sent_paths(files, named_input, processor)

    assert list(found.items()) == list(sent.items())
