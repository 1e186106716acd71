"""Ansible's default output, with every error once, at the end, and without excerpts of playbooks."""

from __future__ import annotations

import sys
from io import TextIOWrapper
from typing import Any

from ansible import constants
from ansible.plugins.callback.default import CallbackModule as Default
from ansible.vars import reserved

DOCUMENTATION = """
name: csvswarm
type: stdout
short_description: Print every error once, at the end
description:
  - The tasks are shown as Ansible's default callback shows them. A task that fails leaves one line there. Its message
    follows at the end of the run, after the names of the boards on which it failed, and goes to standard error.
  - The names of the tasks that run the scripts of a job are printed when these begin.
  - The output of a debug task is printed unchanged.
  - Every line is flushed immediately, also to a pipe or a file.
  - With C(-v) failures and debug tasks are shown in full, as the default callback does.
  - Ansible's warning about the variable C(action) of jobs.yml, which is also the name of a keyword, is not printed.
extends_documentation_fragment:
  - default_callback
  - result_format_callback
"""

DEBUG = ("ansible.builtin.debug", "debug")
#: Tasks whose duration depends on the data: their names are printed when they begin, and not with their results.
LONG = ("processing_job_script", "processing_job_watch")
#: Their messages are for the user, and need no task name. A result may set is_written as well.
WRITTEN = ("ansible.builtin.fail", "fail", "ansible.builtin.assert", "assert")
#: Number of lines shown of a failed command's error output.
LAST_LINES = 20


class CallbackModule(Default):
    """The callback."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "csvswarm"

    def __init__(self) -> None:
        super().__init__()
        #: host -> message of the last failure on it
        self._messages: dict[str, str] = {}
        if isinstance(sys.stdout, TextIOWrapper):
            sys.stdout.reconfigure(line_buffering=True)
        # Ansible has no setting for this. A version without this set prints the warning.
        names: frozenset[str] = getattr(reserved, "_RESERVED_NAMES", frozenset())
        vars(reserved)["_RESERVED_NAMES"] = names - {"action"}

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        if not ignore_errors:
            self._note(result, message_of(result.task, result.result))
        if self._display.verbosity:
            super().v2_runner_on_failed(result, ignore_errors)
            return
        self._line(result, "failed")
        if ignore_errors:
            self._display.display("...ignoring", color=constants.COLOR_SKIP)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        if not result.task.ignore_unreachable:
            self._note(result, f"the board cannot be reached: {text_of(result.result)}")
        if self._display.verbosity:
            super().v2_runner_on_unreachable(result)
            return
        self._line(result, "unreachable")
        if result.task.ignore_unreachable:
            self._display.display("...ignoring", color=constants.COLOR_SKIP)

    def v2_runner_item_on_failed(self, result: Any) -> None:
        if self._display.verbosity:
            super().v2_runner_item_on_failed(result)
        else:
            self._line(result, "failed", f" => (item={self._get_item_label(result.result)})")

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        super().v2_playbook_on_task_start(task, is_conditional)
        if task.action in LONG:
            self._banner(task)

    def v2_runner_on_skipped(self, result: Any) -> None:
        super().v2_runner_on_skipped(result)
        if result.task.action in LONG and not self.get_option("display_skipped_hosts"):
            self._display.display(f"skipping: [{result.host.get_name()}]", color=constants.COLOR_SKIP)

    def v2_runner_on_ok(self, result: Any) -> None:
        message = result.result.get("msg")
        is_text = result.task.action in DEBUG and isinstance(message, str | list)
        if self._display.verbosity or not is_text:
            super().v2_runner_on_ok(result)
            return
        self._banner(result.task)
        self._display.display(message if isinstance(message, str) else "\n".join(map(str, message)))

    def v2_playbook_on_stats(self, stats: Any) -> None:
        super().v2_playbook_on_stats(stats)
        hosts_of: dict[str, list[str]] = {}
        for host, message in self._messages.items():
            if stats.failures.get(host) or stats.dark.get(host):  # otherwise a rescue has handled it
                hosts_of.setdefault(message, []).append(host)
        for message, hosts in hosts_of.items():
            boards = [] if hosts == ["localhost"] else hosts
            begin = f"ERROR on {', '.join(boards)}: " if boards else "ERROR: "
            self._display.display(begin + message, color=constants.COLOR_ERROR, stderr=True)

    def _note(self, result: Any, message: str) -> None:
        host = result.host.get_name()
        self._messages.pop(host, None)  # the last failure comes last
        self._messages[host] = message

    def _banner(self, task: Any) -> None:
        if self._last_task_banner != task._uuid:  # noqa: SLF001 - as the default callback does
            self._print_task_banner(task)

    def _line(self, result: Any, what: str, more: str = "") -> None:
        self._banner(result.task)
        self._handle_warnings(result.result)
        self._display.display(f"{what}: [{self.host_label(result)}]{more}", color=constants.COLOR_ERROR)


def message_of(task: Any, result: dict[str, Any]) -> str:
    """Return the message of a failed task; for one of Ansible itself, also the task's name and a hint to use -v."""
    failed = [item for item in result.get("results", []) if item.get("failed")]
    message = "\n".join(dict.fromkeys(text_of(item) for item in failed)) if failed else text_of(result)
    if task.action in WRITTEN or result.get("is_written"):
        return message
    return f"{message}\nin the task: {task.get_name().strip()} (add -v for all that it returned)"


def text_of(result: dict[str, Any]) -> str:
    """Return the message of a result, and the last lines that a command has written to standard error."""
    message = result.get("msg") or result.get("censored") or "no message"
    text = ("\n".join(map(str, message)) if isinstance(message, list) else str(message)).strip()
    if "non-zero return code" in text:
        text = f"the command ended with exit code {result.get('rc')}"
    if "sudo" in text and "password" in text:
        text += "\nIf sudo on the boards asks for a password, add --ask-become-pass."
    lines = str(result.get("stderr") or result.get("module_stderr") or "").strip().splitlines()[-LAST_LINES:]
    return "\n".join([text, *(line for line in lines if line not in text)])
