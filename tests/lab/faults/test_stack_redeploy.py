"""The stack of a job is deployed once more, unchanged, while it runs."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from tests.lab.faults.conftest import Answers
from tests.lab.faults.invariants import check_done, check_untouched
from tests.lab.faults.running_job import Running
from tests.lab.kit.lab import Lab


def test_the_same_stack_deployed_again(lab: Lab, prepare: Callable[..., Running], answers: Answers) -> None:
    job = prepare(chunks=4)
    job.environment |= {"ANSIBLE_VERBOSITY": "3", "ANSIBLE_CALLBACK_RESULT_FORMAT": "json"}
    job.begin()
    first, second, third = job.wait_for_all()
    job.let_go(first.chunk)
    job.wait_until_committed(first.chunk)
    fourth = job.wait_for(besides=[first, second, third])

    lab.manager.sh(
        f"docker stack deploy --resolve-image never --compose-file - csvswarm-{job.name}-1 <<'END'\n"
        f"{deployed(job.output)}\nEND"
    )
    job.let_go("all")
    run = job.end()

    results = check_done(job, run, answers())
    # Nothing was started anew by it: what stood still went on, and what was done stayed so.
    assert {attempt["attempt"] for attempt in run.report["attempts"]} == {
        one.attempt for one in (first, second, third, fourth)
    }
    check_untouched(job, results)


def deployed(output: str) -> str:
    """Return the stack that was deployed, as ansible-playbook -vvv tells it."""
    texts = [json.loads(text) for text in re.findall(r'"stdin": ("(?:[^"\\]|\\.)*")', output)]
    return str(next(text for text in texts if "services:" in text))
