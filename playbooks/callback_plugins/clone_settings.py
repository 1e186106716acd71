"""Reads the clone's ansible.cfg if the current directory has no settings and no inventory."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from ansible import constants
from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: clone_settings
type: aggregate
short_description: Read the ansible.cfg of the clone
description:
  - Ansible only reads the ansible.cfg in the current directory, or the one that ANSIBLE_CONFIG names. A job that is
    started from another directory would not find the boards, and run on this machine.
  - When Ansible has found no settings at all, this restarts the same command with those of the clone, before
    anything has run.
"""

SETTINGS = Path(__file__).resolve().parents[2] / "ansible.cfg"


class CallbackModule(CallbackBase):
    """The callback. Loaded wherever these playbooks are."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "clone_settings"

    def v2_playbook_on_start(self, _playbook: Any) -> None:
        """Restart with the clone's settings if there are none."""
        if constants.CONFIG_FILE or "ANSIBLE_CONFIG" in os.environ or not SETTINGS.is_file():
            return
        self._display.display(f"No ansible.cfg here: restarting with {SETTINGS}.", stderr=True)
        sys.stdout.flush()
        sys.stderr.flush()
        for descriptor in range(3):  # Ansible keeps them from the processes that it starts
            os.set_inheritable(descriptor, True)
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | {"ANSIBLE_CONFIG": str(SETTINGS)})  # noqa: S606 - the user's own command
