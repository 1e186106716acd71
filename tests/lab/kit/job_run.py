"""The outcome of a run of ansible-playbook, and the path of its result."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Run:
    """One run of run_job.yml. output: its output. result: the directory requested for its result."""

    code: int
    output: str
    result: Path

    @property
    def message(self) -> str:
        """The last message of a failed run, without the line about its report, which only jobs of this machine have."""
        assert self.code, self.output
        _, *messages = re.split(r"^ERROR(?: on [^:\n]+)?: ", self.output, flags=re.MULTILINE)
        assert messages, self.output
        return re.sub(r"^Report: .*\n", "", messages[-1], flags=re.MULTILINE).strip()

    @property
    def files(self) -> dict[str, bytes]:
        """The files of the result."""
        assert self.code == 0, self.output
        names = ("result.csv", "rejected.csv")
        return {name: (self.result / name).read_bytes() for name in names if (self.result / name).exists()}

    @property
    def report(self) -> dict[str, Any]:
        """The content of job.json."""
        assert self.code == 0, self.output
        found: dict[str, Any] = json.loads((self.result / "job.json").read_text())
        return found

    @property
    def counted_attempts(self) -> list[dict[str, Any]]:
        """The attempts whose output is in the result."""
        return [attempt for attempt in self.report["attempts"] if attempt["counts"]]
