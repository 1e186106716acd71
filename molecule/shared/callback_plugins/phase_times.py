"""Prints, at the end of every playbook, how long each phase of the scenario has taken so far."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from ansible import context
from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: phase_times
type: aggregate
short_description: Time of each phase of a Molecule scenario
description:
  - Records in .lab/SCENARIO.times how long each playbook took, and prints the table.
"""


class CallbackModule(CallbackBase):
    """The callback."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "phase_times"
    CALLBACK_NEEDS_ENABLED = True

    def v2_playbook_on_start(self, playbook: Any) -> None:
        """Record the time and the phase's name."""
        self._started = time.monotonic()
        file = playbook._file_name  # noqa: SLF001 - Ansible has no other name for it
        self._phase = Path(file).stem + (" --check" if context.CLIARGS.get("check") else "")

    def v2_playbook_on_stats(self, stats: Any) -> None:
        """Add the phase to the file and print all of them."""
        directory = os.environ.get("MOLECULE_PROJECT_DIRECTORY")
        if not directory:
            return
        file = Path(directory) / ".lab" / f"{os.environ['MOLECULE_SCENARIO_NAME']}.times"
        lines = [] if self._phase == "create" or not file.exists() else file.read_text().splitlines()
        lines.append(f"{self._phase},{time.monotonic() - self._started:.0f},{sum(stats.changed.values())}")
        file.write_text("\n".join(lines) + "\n")
        total = 0
        self._display.display("phase                     seconds  changed")
        for line in lines:
            phase, seconds, changed = line.split(",")
            total += int(seconds)
            self._display.display(f"{phase:<25} {seconds:>7}  {changed:>7}")
        self._display.display(f"{'total':<25} {total:>7}")
