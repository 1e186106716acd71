"""Notifications about the end of a job, to a URL and a command, by the real playbook."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.ansible.conftest import Clone
from tests.processing_job.plugin_loader import ROLE, load

notification = load(ROLE / "filter_plugins/notification.py")


class _Server(HTTPServer):
    received: list[tuple[str, Any]]


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.received.append((self.path, json.loads(body)))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *words: object) -> None:
        """Print nothing."""


@pytest.fixture
def server() -> Iterator[_Server]:
    with _Server(("127.0.0.1", 0), _Handler) as found:
        found.received = []
        thread = threading.Thread(target=found.serve_forever)
        thread.start()
        yield found
        found.shutdown()
        thread.join()


def small(tmp_path: Path, last: str = "5,6") -> Path:
    source = tmp_path / "data.csv"
    source.write_text(f"a,b\n1,2\n3,4\n{last}\n")
    return source


def test_url_is_notified_of_a_result(clone: Clone, tmp_path: Path, server: _Server) -> None:
    url = f"http://127.0.0.1:{server.server_port}/hook?token=secret"

    done = clone.run_job("-e", f"input={small(tmp_path)}", "-e", f"notify={url}", "-e", "job_id=one")

    assert "secret" not in done.output
    [(path, body)] = server.received
    assert path == "/hook?token=secret"
    assert body["text"] == "Job one is done: 3 rows in, 2 out, 0 rejected"
    output = clone.root / "results/one"
    assert (body["status"], body["error"], body["engine"]) == ("done", None, "local")
    assert (body["result"], body["report"]) == (str(output / "result.csv"), str(output / "report.html"))
    assert (body["rows_in"], body["rejected"], body["rejected_file"]) == (3, 0, None)
    assert body["seconds"] > 0


def test_command_is_notified_of_a_failure(clone: Clone, tmp_path: Path) -> None:
    program = tmp_path / "notify-me.sh"
    program.write_text(f"#!/bin/sh\ncat >'{tmp_path}/body.json'\necho \"$1\" >'{tmp_path}/word'\n")
    program.chmod(0o755)
    arguments = {"input": str(small(tmp_path, "5")), "notify": "./notify-me.sh 'a $HOME; b'", "job_id": "one"}

    failed = clone.run_job("-e", json.dumps(arguments), stand=tmp_path)

    body = json.loads((tmp_path / "body.json").read_text())
    assert (tmp_path / "word").read_text() == "a $HOME; b\n"
    assert (body["job_id"], body["status"], body["result"], body["rows_in"]) == ("one", "failed", None, None)
    assert body["error"].splitlines()[0] in failed.message
    assert body["text"] == f"Job one failed: {body['error'].splitlines()[0]}"
    assert body["report"] == str(clone.root / "jobs/one/report.html")


@pytest.mark.parametrize(
    ("notify", "reason"), [("http://127.0.0.1:9/x", "Connection refused"), ("sh -c 'echo no >&2; exit 3'", "no")]
)
def test_failed_notification_does_not_fail_the_job(clone: Clone, tmp_path: Path, notify: str, reason: str) -> None:
    arguments = {"input": str(small(tmp_path)), "notify": notify, "job_id": "one"}

    done = clone.run_job("-e", json.dumps(arguments))

    assert done.code == 0, done.output
    [line] = [line for line in done.output.splitlines() if "nobody was notified" in line]
    assert reason in done.output.partition("nobody was notified")[2], line
    assert (clone.root / "results/one/_SUCCESS").exists()


@pytest.mark.parametrize(
    ("notify", "message"),
    [
        ("ftp://here/x", "notify is 'ftp://here/x', but must be a URL or a command."),
        ("http://", "notify is 'http://', but must be a URL or a command."),
        (["a"], "notify is ['a'], but must be a URL or a command."),
        ("no-such-program x", "notify: 'no-such-program' is not a program that can run."),
        ("./none.sh", "notify: '/here/none.sh' is not a program that can run."),
        ("sh 'open", 'notify: the command "sh \'open" cannot be read: No closing quotation.'),
        (" ", "notify: ' ' is not a program that can run."),
    ],
)
def test_bad_values(notify: object, message: str) -> None:
    assert notification.processing_job_notify_problem(notify, "/here").startswith(message)


@pytest.mark.parametrize("notify", ["", "https://user:x@example.org/a?b=c#d", "HTTP://host:80", "sh -c 'exit 0'"])
def test_good_values(notify: str) -> None:
    assert notification.processing_job_notify_problem(notify, "/here") == ""


def test_stopped_job_on_boards() -> None:
    about = {"job": "one", "engine": "swarm", "output": "/out", "report": "", "seconds": 1.23456}

    body = notification.processing_job_notification("stopped", about, None, "")

    assert (body["text"], body["status"], body["seconds"]) == ("Job one was stopped", "stopped", 1.235)
    assert (body["error"], body["report"], body["result"]) == (None, None, None)


@pytest.mark.parametrize(
    ("answer", "command", "error"),
    [
        ({"status": 204, "msg": "OK"}, {}, ""),
        ({"skipped": True}, {"rc": 0, "stderr": "a warning"}, ""),
        ({"status": 500, "msg": "Status code was 500"}, {"skipped": True}, "Status code was 500"),
        ({"status": -1, "msg": ""}, {}, "no answer"),
        ({}, {"rc": 1, "msg": "no such file", "stderr": "x"}, "no such file"),
        ({}, {"rc": 1, "stderr": "x"}, "x"),
        ({}, {"rc": 3, "msg": "", "stderr": ""}, "exit code 3"),
        ({}, {}, ""),
    ],
)
def test_reason_of_a_failed_notification(answer: dict[str, Any], command: dict[str, Any], error: str) -> None:
    assert notification.processing_job_notify_error(answer, command) == error
