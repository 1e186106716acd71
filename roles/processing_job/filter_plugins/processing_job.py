"""Filter of the role processing_job."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Callable


def processing_job_parsed(value: object) -> object:
    """Return what a text says in YAML or JSON; anything else, and a text that says neither, as it is.

    Ansible's own from_yaml raises on such a text. Here it stays a text, which the role's preflight can then refuse
    in words of its own.
    """
    if not isinstance(value, str):
        return value
    try:
        return yaml.safe_load(value)
    except yaml.YAMLError:
        return value


def processing_job_wish(job: dict[str, Any], shipped: list[str]) -> dict[str, Any]:
    """Return the request of a job of this machine, from its manifest: the role's variables by name.

    Raises ValueError for a manifest that somebody has changed.
    """
    try:
        return _wish(job, shipped)
    except (KeyError, TypeError):
        raise ValueError("the job's manifest.json is damaged: remove the job with -e action=remove") from None


def _wish(job: dict[str, Any], shipped: list[str]) -> dict[str, Any]:
    processor, request = job["processor"], job["request"]
    is_shipped = processor["name"] in shipped and "/files/processors/" in processor["source"]
    names = "options", "on_error", "delimiter", "quotechar", "column_types"
    return {
        **{name: request[name] for name in names},
        "input": job["input"]["path"],
        "encoding": job["input"]["encoding"],
        "output": job["output"],
        "processor": processor["name"] if is_shipped else processor["source"],
        # The first one, the empty field, is always among them.
        "null_values": request["null_values"][1:],
    }


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> dict[str, Callable[..., object]]:
        """Return the filters by name."""
        return {"processing_job_parsed": processing_job_parsed, "processing_job_wish": processing_job_wish}
