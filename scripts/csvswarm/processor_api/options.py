"""Validates a processor's options against its declaration, which follows Ansible's argument specs.

A processor declares OPTIONS = {"window": {"type": "int", "default": 500, "min": 1}, ...}: per option a type (str, int,
float, bool, list, dict), and optionally default, required, choices, elements (of a list), min and description.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from csvswarm.errors import OptionError

_TYPES = {"str": str, "int": int, "float": float, "bool": bool, "list": list, "dict": dict}
_TRUE, _FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")


def check_options(
    given: Mapping[str, Any], declared: Mapping[str, Mapping[str, Any]], processor: str
) -> dict[str, Any]:
    """Return the options with defaults and converted types. Raises OptionError with the option and its fix."""
    for name in given:
        if name not in declared:
            near = difflib.get_close_matches(str(name), declared, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            known = ", ".join(declared) if declared else "none at all"
            raise OptionError(f"processor {processor} has no option {name!r}; it takes: {known}.{hint}")
    checked = {}
    for name, spec in declared.items():
        if given.get(name) is None:
            if spec.get("required"):
                about = f" ({spec['description']})" if "description" in spec else ""
                raise OptionError(f"processor {processor} needs the option {name!r}{about}: add it to -e options.")
            checked[name] = spec.get("default")
            continue
        checked[name] = _value(given[name], spec, f"option {name!r} of processor {processor}")
    return checked


def _value(value: Any, spec: Mapping[str, Any], what: str) -> Any:
    kind = spec.get("type", "str")
    result = _converted(value, kind, what)
    if "choices" in spec and result not in spec["choices"]:
        raise OptionError(f"{what} is {value!r}, but must be one of {', '.join(map(str, spec['choices']))}.")
    if "min" in spec and result < spec["min"]:
        raise OptionError(f"{what} is {value!r}, but must be at least {spec['min']}.")
    if kind == "list" and "elements" in spec:
        return [_converted(element, spec["elements"], f"an element of {what}") for element in result]
    return result


def _converted(value: Any, kind: str, what: str) -> Any:
    wanted = _TYPES[kind]
    if kind == "list" and not isinstance(value, (list, dict)):
        return [value]  # like Ansible, which accepts a single value as a list
    if isinstance(value, wanted) and not (kind in ("int", "float") and isinstance(value, bool)):
        return value
    text = str(value).strip().lower()
    if kind == "str" and isinstance(value, (int, float)):
        return str(value)
    if kind == "bool" and text in _TRUE + _FALSE:
        return text in _TRUE
    if kind in ("int", "float") and not isinstance(value, (bool, list, dict)):
        try:
            return wanted(text)
        except ValueError:
            pass
    raise OptionError(f"{what} is {value!r}, but must be of type {kind}.")
