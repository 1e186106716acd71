"""Options of a file's layout as users pass them: as text, or as the JSON value in it."""

from __future__ import annotations

from typing import Any

from csvswarm import cli
from csvswarm.errors import OptionError


def header_option(value: Any) -> bool | list[str] | None:
    """Return whether there is a header, the names of the columns, or None for detection. Raises OptionError."""
    if isinstance(value, list):
        if other := [name for name in value if not isinstance(name, str)]:
            raise OptionError(f"header is a list that contains {other[0]!r}, but must be a list of names.")
        return value
    if isinstance(value, str) and value.lstrip().startswith("["):
        names: list[str] = cli.json_value("header", value, list)
        return names
    if value not in (None, "", True, False) and str(value).lower() not in ("true", "false"):
        raise OptionError(f"""header is {value!r}, but must be true, false, or a list of names like ["id", "name"].""")
    return yes_or_no("header", value)


def yes_or_no(name: str, value: Any) -> bool | None:
    """Return true, false, or None for detection. Raises OptionError."""
    if value is None or value == "":
        return None
    if str(value).lower() not in ("true", "false"):
        raise OptionError(f"{name} is {value!r}, but must be true or false.")
    return str(value).lower() == "true"


def date_format_option(value: Any) -> str | dict[str, str] | None:
    """Return the format of all timestamps, or formats by column. Raises OptionError."""
    if isinstance(value, str) and value.lstrip().startswith("{"):
        value = cli.json_value("date_format", value, dict)
    if isinstance(value, dict) and (other := [text for text in value.values() if not isinstance(text, str)]):
        raise OptionError(f"date_format has {other[0]!r} for a column, but must have a text like %d.%m.%Y.")
    if value is not None and not isinstance(value, (str, dict)):
        raise OptionError(f"date_format is {value!r}, but must be a text like %d.%m.%Y, or a dictionary by column.")
    return value or None


def partition_option(value: Any) -> list[str]:
    """Return the columns that divide the result, also from a list in JSON or the name of one. Raises OptionError."""
    if isinstance(value, str) and value.lstrip().startswith("["):
        value = cli.json_value("partition_by", value, list)
    names = [value] if isinstance(value, str) and value else value or []
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise OptionError(f"partition_by is {value!r}, but must be the name of a column, or a list of names.")
    return names


def count_option(name: str, value: Any) -> int | None:
    """Return a number of at least 0, or None for detection. Raises OptionError."""
    if value is None or value == "":
        return None
    if not str(value).isdecimal():
        raise OptionError(f"{name} is {value!r}, but must be a number of lines, 0 or more.")
    return int(str(value))
