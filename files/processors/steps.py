"""steps: several processors in one job, each on the result of the one before.

Row-wise processors are applied to each block in one pass; a processor that combines blocks can only be the last one.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from csvswarm.steps.chain import Chain
from csvswarm.steps.options import steps_of

OPTIONS = {
    "steps": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "description": "the steps in order, each with a processor and its options",
    }
}
BLOCK = "rows"


def for_options(options: dict[str, Any]) -> SimpleNamespace:
    """Return the functions that run the steps. Raises OptionError."""
    return Chain(steps_of(options["steps"])).functions()
