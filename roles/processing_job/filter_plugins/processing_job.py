"""Filter of the role processing_job."""

from __future__ import annotations

from typing import TYPE_CHECKING

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


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> dict[str, Callable[..., object]]:
        """Return the filters by name."""
        return {"processing_job_parsed": processing_job_parsed}
