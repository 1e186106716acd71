"""Merge the role's settings into a board's daemon.json, and remove them.

The role keeps a record beside daemon.json (``/etc/docker/csvswarm.json``): the text before the role, and the
settings that it wrote. So a setting of the user's survives, also one made later, and a reset restores the file.
"""

from __future__ import annotations

import json
from typing import Any

Settings = dict[str, Any]


def _merge(below: Settings, above: Settings) -> Settings:
    """Return the settings of both; on conflict, the first ones take precedence."""
    merged = dict(below)
    for key, value in above.items():
        under = merged.get(key)
        merged[key] = _merge(under, value) if isinstance(under, dict) and isinstance(value, dict) else value
    return merged


def _take_out(current: Settings, written: Settings, original: Settings) -> Settings:
    """Return the current settings without those written, unless they were changed since."""
    left = dict(current)
    for key, value in written.items():
        if key not in current:
            continue
        if isinstance(value, dict) and isinstance(current[key], dict):
            before = original.get(key)
            inner = _take_out(current[key], value, before if isinstance(before, dict) else {})
            if inner or isinstance(before, dict):
                left[key] = inner
            elif key in original:
                left[key] = before
            else:
                del left[key]
        elif current[key] != value:
            continue
        elif key in original:
            left[key] = original[key]
        else:
            del left[key]
    return left


def parse(text: str) -> Settings:
    """Return the settings in a daemon.json; empty for an empty text.

    Raises:
        ValueError: It is not a JSON object.
    """
    match json.loads(text) if text.strip() else {}:
        case dict(settings):
            return settings
    raise ValueError("not a JSON object")


def daemon_readable(text: str) -> bool:
    """Return whether Docker can read the text."""
    try:
        parse(text)
    except ValueError:
        return False
    return True


def render(settings: Settings) -> str:
    """Return the text of a daemon.json."""
    return json.dumps(settings, indent=2, sort_keys=True) + "\n"


def _foreign(text: str, record: Settings) -> Settings:
    """Return the settings in daemon.json that are not the role's."""
    return _take_out(parse(text), record.get("written") or {}, parse(record.get("original") or ""))


def daemon_merged(text: str, settings: Settings, record: Settings) -> str:
    """Return the new text of daemon.json: the role's settings merged into the current ones.

    Args:
        text: The current text; empty if there is no file.
        settings: The role's.
        record: What the role noted the last time; empty when it is new here.
    """
    foreign = _foreign(text, record)
    if foreign.get("log-driver", settings.get("log-driver")) != settings.get("log-driver"):
        # This driver may refuse the options of another one.
        foreign.pop("log-opts", None)
    merged = _merge(foreign, settings)
    return text if text.strip() and parse(text) == merged else render(merged)


def daemon_record(text: str, settings: Settings, record: Settings, engine: str) -> str:
    """Return the text of the record to keep.

    Args:
        text: What daemon.json has now; empty where there is no file.
        settings: The role's.
        record: What the role noted the last time; empty when it is new here.
        engine: The engine before the role; empty if there was none.
    """
    if not record:
        # An older version of the role kept no record: a file with only the role's settings is the role's own.
        own = text.strip() and parse(text) == settings
        record = {"original": None if own or not text.strip() else text, "engine": "" if own else engine}
    return render({**record, "written": settings})


def daemon_restored(text: str, record: Settings) -> str:
    """Return the text of daemon.json without the role; empty means no file."""
    original = record.get("original") or ""
    left = _foreign(text, record)
    if left == parse(original):
        return original
    return text if left == parse(text) else render(left)


class FilterModule:
    """The filters."""

    def filters(self) -> dict[str, Any]:
        """Return them by name."""
        return {
            "daemon_merged": daemon_merged,
            "daemon_readable": daemon_readable,
            "daemon_record": daemon_record,
            "daemon_restored": daemon_restored,
        }
