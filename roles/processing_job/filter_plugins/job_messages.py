"""Messages about a job on boards: why it cannot run, how it runs, and how it ended."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

#: Exit reasons of a driver by Swarm's message.
EXIT_REASONS = {
    "task: non-zero exit (137)": "the driver was killed, most likely because it ran out of memory",
    "bind source path does not exist": "the share is not mounted",
}


def processing_job_no_answer(answer: dict[str, Any], manager: str) -> str:
    """Return a manager's error message, as a sentence."""
    lines = str(answer.get("msg") or "no answer").strip().splitlines() or ["no answer"]
    return f"{manager}: {lines[-1].rstrip('.')}."


def processing_job_no_manager(silent: list[str]) -> list[str]:
    """Return the message about a swarm none of whose managers answers. silent: the error message of each."""
    message = (
        f"{' '.join(silent)} The boards do not form a cluster (yet), or no manager is on. Check with ansible-playbook "
        "playbooks/status.yml, set up the cluster with ansible-playbook site.yml, or add -e engine=local to run it "
        "on this machine."
    )
    return [message]


def processing_job_no_board(boards: list[dict[str, Any]]) -> list[str]:
    """Return why no job can run on these boards, empty if one can."""
    if not any(board["takes"] for board in boards):
        reasons = ", ".join(f"{board['name']} {board['why']}" for board in boards)
        return [f"No board can run chunks: {reasons}. Check with ansible-playbook playbooks/status.yml."]
    if not any(board["takes"] and board["manager"] for board in boards):
        managers = [board for board in boards if board["manager"]]
        reasons = ", ".join(f"{board['name']} {board['why']}" for board in managers)
        name = managers[0]["name"] if managers else "board1"
        message = (
            f"No manager is active, and the driver of a job runs on one: {reasons}. "
            f"Run on a manager: docker node update --availability active {name}"
        )
        return [message]
    return []


def processing_job_no_room(boards: list[dict[str, Any]], layout: dict[str, Any]) -> str:
    """Return the message about a container that is too large for every board."""
    sizes = ", ".join(
        f"{board['name']} has {round(board['memory'] / 1e6)} MB and {board['cores']:g} cores" for board in boards
    )
    return (
        f"No board has the memory or the cores for one container ({round(layout['limit'] / 1e6)} MB, "
        f"{layout['cpus']} cores): {sizes}. Request less with -e memory=300MB or -e cpus=0.5."
    )


def processing_job_other_request(stack: dict[str, Any], request: dict[str, Any], job: str, jobs: str) -> list[str]:
    """Return the refusal of a request if the job runs with another one, empty if both are the same.

    stack: that of the module processing_job_swarm_info. request: that of this run. jobs: the command of jobs.yml.
    """
    deployed = stack["request"].get("asked", {})
    wanted = json.loads(json.dumps(request))
    differing = sorted(name for name in {*deployed, *wanted} if deployed.get(name) != wanted.get(name))
    if not differing:
        return []
    message = (
        f"job_id: job {job} already runs on the boards ({_driver(stack['driver'])}), with another request: "
        f"{', '.join(differing)} differ. Nothing was changed. Watch it: {jobs} -e action=watch -e job_id={job}   "
        f"Stop it: {jobs} -e action=stop -e job_id={job}"
    )
    return [message]


def processing_job_runs_already(stack: dict[str, Any], job: str, jobs: str) -> str:
    """Return the message of a run that finds its job deployed."""
    return (
        f"Job {job} is already deployed ({_driver(stack['driver'])}): this run watches it. Memory, cpus and other "
        f"settings of the run stay as they are. Stop it: {jobs} -e action=stop -e job_id={job}"
    )


def processing_job_is_deployed(job: str, boards: list[dict[str, Any]], jobs: str) -> str:
    """Return the message of a run that has deployed its job: commands for it, and boards that do not take part."""
    lines = [f"{board['name']} {board['why']}: the job runs on the others." for board in boards if not board["takes"]]
    ways = "   ".join(
        f"{name}: {jobs} -e action={action} -e job_id={job}"
        for name, action in (("Watch", "watch"), ("Fetch", "fetch"), ("Stop", "stop"))
    )
    return "\n".join([*lines, f"Job {job} runs on the boards, without this machine. {ways}"])


def _driver(driver: dict[str, Any]) -> str:
    where = f"driver on {driver['board']}" if driver["board"] else "driver not placed yet"
    since = f" since {driver['since'][:19].replace('T', ' ')} UTC" if driver["since"] else ""
    return f"{where}{since}"


def processing_job_driver_remark(driver: dict[str, Any]) -> str:
    """Return what Swarm reports about a driver that is silent."""
    message = driver["message"]
    reason = next((words for end, words in EXIT_REASONS.items() if end in message), message)
    board = driver["board"] or "no board yet"
    return f"driver {driver['state']} on {board}{': ' + reason if reason else ''}"


def processing_job_cannot_continue(
    stack: dict[str, Any] | None, status: dict[str, Any], action: str, ways: dict[str, str]
) -> str:
    """Return why a job cannot be watched or fetched; empty if it can.

    stack: None if Swarm runs nothing for the job. status: the driver's last status, or {}. ways: the job's id, the
    command of jobs.yml and the command that resumes the job.
    """
    stage = status.get("stage")
    if action == "fetch" and stage not in ("done", None) and stack is not None and not stack["driver"]["ended"]:
        chunks = status["chunks"]
        return (
            f"job {ways['job']} is still running: {chunks['done']} of {chunks['total']} chunks are done. Watch it: "
            f"{ways['jobs']} -e action=watch -e job_id={ways['job']}"
        )
    if stack is None and stage not in ("done", "failed", "stopped"):
        return f"job {ways['job']} does not run on the boards, and has no result. Resume it: {ways['command']}"
    return ""


def processing_job_jobs_problem(request: dict[str, Any], actions: list[str]) -> str:
    """Return what is wrong with a request to playbooks/jobs.yml; empty if nothing is.

    request: action, job_id, needs_id (whether the action is one on a single job) and days, as texts.
    """
    if request["action"] not in actions:
        return f"action: {request['action']} is not one of {', '.join(actions)}."
    if request["needs_id"] and not request["job_id"]:
        return (
            "job_id is missing: pass the name of the job, for example -e job_id=20260131-101500-3fa2b1. Without action "
            "all are listed."
        )
    if not re.match(r"[0-9]+([.][0-9]+)?$", request["days"]):
        return f"days: {request['days']} is not a number of days."
    return ""


def processing_job_jobs_refusal(jobs: list[dict[str, Any]], action: str, job: str, unanswered: str = "") -> str:
    """Return why playbooks/jobs.yml cannot perform an action on a job; empty if it can.

    jobs: those of that name. unanswered: why the boards did not answer, if they did not.
    """
    if not jobs:
        where = f" on this machine. {unanswered}" if unanswered else "."
        return f"job_id: job {job} does not exist{where} List the jobs with ansible-playbook playbooks/jobs.yml"
    found = jobs[0]
    if action in ("watch", "fetch", "stop") and not found["shared"]:
        return (
            f"job_id: job {found['job']} runs on this machine, not on boards: it ends with its run_job.yml, and its "
            f"result is in {found['output'] or 'its output directory'}."
        )
    if action in ("resume", "retry", "watch", "fetch") and not found["request"] and not found["manifest"]:
        why = f": {found['damage']}" if found["damage"] else ""
        return (
            f"job_id: the request of job {found['job']} is unknown: the job was stopped before its request was "
            f"written, or its directory is damaged{why}. Rerun it with run_job.yml, or remove it with "
            "-e action=remove."
        )
    return ""


def processing_job_status_failure(status: dict[str, Any], failure: dict[str, Any], remedy: str) -> str:
    """Return the message of a job that failed or was stopped. remedy: the text of processing_job_remedy."""
    if status["stage"] == "stopped":
        return f"job {failure['job']} was stopped. Finished chunks are kept. Resume it: {failure['command']}"
    return f"{status['error'] or 'the job failed without a message'}{remedy}"


def processing_job_page_path(result: dict[str, Any]) -> str:
    """Return the path of a job's report, or why it was not written; "" for a job without anything to report.

    result: that of report_job.py, {} if it did not run.
    """
    if "rc" not in result:
        return ""
    if result["rc"] == 0:
        return json.loads(result.get("stdout") or "{}").get("report") or ""
    lines = (result.get("stderr") or "").splitlines()
    return f"not written: {lines[-1] if lines else ''}"


class FilterModule:
    """The filters, for Ansible."""

    def filters(self) -> dict[str, Callable[..., object]]:
        """Return the filters by name."""
        return {
            "processing_job_cannot_continue": processing_job_cannot_continue,
            "processing_job_driver_remark": processing_job_driver_remark,
            "processing_job_is_deployed": processing_job_is_deployed,
            "processing_job_jobs_problem": processing_job_jobs_problem,
            "processing_job_jobs_refusal": processing_job_jobs_refusal,
            "processing_job_no_answer": processing_job_no_answer,
            "processing_job_no_manager": processing_job_no_manager,
            "processing_job_no_board": processing_job_no_board,
            "processing_job_no_room": processing_job_no_room,
            "processing_job_other_request": processing_job_other_request,
            "processing_job_page_path": processing_job_page_path,
            "processing_job_runs_already": processing_job_runs_already,
            "processing_job_status_failure": processing_job_status_failure,
        }
