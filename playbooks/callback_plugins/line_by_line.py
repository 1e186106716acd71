"""Writes every line at once, also into a pipe or a file: who follows a job's log sees how far it is."""

from __future__ import annotations

import sys
from io import TextIOWrapper

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: line_by_line
type: aggregate
short_description: Write every line at once
description:
  - ansible-playbook leaves it to the system when its output goes on, which for a pipe is after some thousand
    characters. With this each line goes on when it is written.
"""


class CallbackModule(CallbackBase):  # type: ignore[misc]  # Ansible ships no types
    """The callback: that it is loaded is all it does."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "line_by_line"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        if isinstance(sys.stdout, TextIOWrapper):
            sys.stdout.reconfigure(line_buffering=True)
