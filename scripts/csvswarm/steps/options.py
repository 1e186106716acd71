"""Validates the steps that a user passes, and loads their processors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from csvswarm.errors import OptionError
from csvswarm.processor_api.loader import BUILT_IN, load_processor
from csvswarm.processor_api.options import check_options
from csvswarm.steps.chain import Step

_FORM = 'like {"processor": "transform", "options": {"where": "x > 0"}}'


def steps_of(given: Sequence[Any]) -> list[Step]:
    """Return the steps of the option `steps`. Raises OptionError for the first invalid one."""
    if not given:
        raise OptionError("option 'steps' is an empty list: pass at least one step.")
    steps = [_step(number, one) for number, one in enumerate(given, 1)]
    for step in steps[:-1]:
        if step.processor.combines:
            raise OptionError(
                f"{step.title} needs all rows before it returns any, so it can only be the last step: move it "
                "to the end, or run the steps up to it as a separate job."
            )
    return steps


def _step(number: int, given: Any) -> Step:
    if not isinstance(given, dict) or not set(given) <= {"processor", "options"} or "processor" not in given:
        raise OptionError(f"step {number} is {given!r}, but must have a processor and may have options, {_FORM}.")
    name, options = given["processor"], given.get("options") or {}
    built_in = sorted(path.stem for path in BUILT_IN.glob("*.py") if path.stem != "steps")
    if name not in built_in:
        raise OptionError(
            f"step {number} has the processor {name!r}, but steps are built-in processors: {', '.join(built_in)}. Run "
            "a processor of your own as a job, and process its result."
        )
    if not isinstance(options, dict):
        raise OptionError(f"the options of step {number} ({name}) are {options!r}, but must be a dictionary.")
    processor = load_processor(BUILT_IN / f"{name}.py")
    try:
        checked = check_options(options, processor.options, name)
    except OptionError as error:
        raise OptionError(f"step {number}: {error}") from error
    processor.use_options(checked)
    return Step(number, processor, checked)
