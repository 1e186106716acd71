"""A request as the control node writes it."""

from __future__ import annotations

from typing import Any

from csvswarm.driver.request import Request, parse_request

ODD = "/home/me/d\u00e4ta, 'of' \"mine\": #1 \U0001f600 $HOME ${x} {{.Node.ID}} & more.csv"


def request_json(**changes: Any) -> dict[str, Any]:
    """Return a request as JSON, with some keys changed; a value of ... leaves the key out."""
    data = {
        "format": 1,
        "job": "demo.1",
        "stack": "csvswarm-demo-1_0123abcd",
        "image": "csvswarm-job:0123456789ab",
        "image_ids": {"amd64": None},
        "owner": 4711,
        "job_directory": "/srv/my share/jobs/demo.1",
        "output": "/home/me/results/demo.1",
        "inputs": [{"source": "/srv/my share/inputs/0123abcd", "target": "/home/me/data.csv"}],
        "processor": "statistics",
        "processor_source": None,
        "split_arguments": ["--json", "--job=/srv/my share/jobs/demo.1", "--input=/home/me/data.csv"],
        "collect_arguments": ["--json", "--job=/srv/my share/jobs/demo.1"],
        "layout": {
            "limit": 384_000_000,
            "reservation": 512_000_001,
            "cpus": 0.5,
            "slots": {"board1": 1},
            "chunks": 7,
            "rooms": {"board1": 850_000_000, "board2": 100_000_000},
        },
        "chunk_limit": 3600,
        "deadline": 0,
        "speculate": False,
        "restarts": 2,
    }
    return {key: value for key, value in (data | changes).items() if value is not ...}


def request_of(**changes: Any) -> Request:
    """Return a request, with some keys changed."""
    return parse_request(request_json(**changes))
