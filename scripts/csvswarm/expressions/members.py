"""The allowlist of expressions: numpy functions, column methods, members of `.str` and `.dt`.

An expression can use only the names and parameters in `MEMBERS`. A parameter is a value (a column or a constant) or a
bounded literal. Nothing that reads other rows, depends on the machine or grows without limit is listed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

#: Bounds of literals, which limit how much one call can lengthen a text.
MAX_WIDTH, MAX_REPEATS, MAX_PATTERN = 1000, 100, 1000
#: Type names accepted by `astype`, and the dtype of each.
DTYPES = {
    **dict.fromkeys(("int", "int64"), "int64"),
    **dict.fromkeys(("float", "float64"), "float64"),
    **dict.fromkeys(("str", "string", "object", "text"), "str"),
    **dict.fromkeys(("timestamp", "datetime64[us]", "datetime64[ns]"), "timestamp"),
    **{name: name for name in ("Int64", "Float64", "bool", "boolean")},
}


@dataclass(frozen=True)
class Parameter:
    """One parameter of a member.

    kind: "value", which may be a column, or the type of the literal: "list", "text", "int", "bool". low and high bound
    an integer, high the length of a text. choices: the permitted literals.
    """

    name: str
    kind: str
    required: bool = False
    low: int = -(2**31)
    high: int = 2**31 - 1
    choices: tuple[Any, ...] = ()
    default: Any = None

    def takes(self, value: Any) -> bool:
        """Whether a literal is valid."""
        if self.choices:
            return value in self.choices
        if self.kind == "text":
            return isinstance(value, str) and len(value) <= self.high
        if self.kind == "int":
            return type(value) is int and self.low <= value <= self.high
        return isinstance(value, bool if self.kind == "bool" else tuple)

    def wanted(self) -> str:
        """Return a description of valid literals, for messages."""
        if self.choices:
            return " or ".join(map(repr, self.choices))
        bounds = f" of {max(self.low, 0)} to {self.high} characters" if self.kind == "text" else ""
        return f"a literal {self.kind}" + (f" from {self.low} to {self.high}" if self.kind == "int" else bounds)


@dataclass(frozen=True)
class Member:
    """A function, a method or a property. called: whether it is used with parentheses."""

    parameters: tuple[Parameter, ...] = ()
    called: bool = True


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def _value(name: str, *, required: bool = True) -> Parameter:
    return Parameter(name, "value", required)


def _text(name: str, *, required: bool = True, high: int = MAX_PATTERN, default: str | None = None) -> Parameter:
    return Parameter(name, "text", required, high=high, default=default)


def _int(name: str, low: int = -(2**31), high: int = 2**31 - 1, default: int | None = None) -> Parameter:
    return Parameter(name, "int", default is None, low, high, default=default)


def _optional_int(name: str) -> Parameter:
    return Parameter(name, "int")


def _flag(name: str, default: bool | None) -> Parameter:
    return Parameter(name, "bool", default=default)


def _choice(name: str, *choices: Any, required: bool = False) -> Parameter:
    return Parameter(name, "choice", required, choices=choices, default=choices[0])


_PATTERN = (_text("pat"), _flag("case", True), _choice("flags", 0))
_FILL = _text("fillchar", required=False, high=1, default=" ")
_WIDTH = _int("width", 0, MAX_WIDTH)
_STRIP = _text("to_strip", required=False)
_FIND = (_text("sub"), _int("start", default=0), _optional_int("end"))
_NO_FRAME = _choice("expand", False, required=True)
_SPLIT = (_text("pat", required=False), _int("n", default=-1), _choice("expand", False))

FUNCTIONS = _words(
    """sin cos tan exp log expm1 log1p sqrt sinh cosh tanh arcsin arccos arctan arccosh arcsinh arctanh abs log10
    floor ceil"""
)
ACCESSORS = ("str", "dt")

_METHODS = {
    **{name: Member() for name in ("isna", "isnull", "notna", "notnull", "abs")},
    "isin": Member((Parameter("values", "list", True),)),
    "between": Member(
        (_value("left"), _value("right"), _choice("inclusive", "both", "neither", "left", "right")),
    ),
    "fillna": Member((_value("value"),)),
    "round": Member((_int("decimals", -30, 30, 0),)),
    "clip": Member((_value("lower", required=False), _value("upper", required=False))),
    "astype": Member((_choice("dtype", *DTYPES, required=True),)),
}
TEXT_TESTS = _words("""isalnum isalpha isascii isdecimal isdigit islower isnumeric isspace istitle isupper""")
_STR = {
    **{name: Member() for name in ["lower", "upper", "title", "capitalize", "swapcase", "casefold", "len"]},
    **{name: Member() for name in TEXT_TESTS},
    **{name: Member((_STRIP,)) for name in ("strip", "lstrip", "rstrip")},
    **{name: Member((_WIDTH, _FILL)) for name in ("center", "ljust", "rjust")},
    **{name: Member(_FIND) for name in ("find", "rfind")},
    **{name: Member((*_PATTERN, _flag("na", None))) for name in ("match", "fullmatch")},
    **{name: Member((_text("pat"), _flag("na", None))) for name in ("startswith", "endswith")},
    **{name: Member((_text("sep", required=False, default=" "), _NO_FRAME)) for name in ("partition", "rpartition")},
    "contains": Member((*_PATTERN, _flag("na", None), _flag("regex", True))),
    "removeprefix": Member((_text("prefix"),)),
    "removesuffix": Member((_text("suffix"),)),
    "slice": Member((_optional_int("start"), _optional_int("stop"), _optional_int("step"))),
    "slice_replace": Member(
        (_optional_int("start"), _optional_int("stop"), _text("repl", required=False, high=100, default=""))
    ),
    "replace": Member(
        (
            _text("pat"),
            _text("repl", high=100),
            _int("n", default=-1),
            _flag("case", True),
            _choice("flags", 0),
            _flag("regex", False),
        )
    ),
    "repeat": Member((_int("repeats", 0, MAX_REPEATS),)),
    "pad": Member((_WIDTH, _choice("side", "left", "right", "both"), _FILL)),
    "zfill": Member((_WIDTH,)),
    "get": Member((_int("i"),)),
    "normalize": Member((_choice("form", "NFC", "NFD", "NFKC", "NFKD", required=True),)),
    "count": Member((_text("pat"), _choice("flags", 0))),
    "extract": Member((_text("pat"), _choice("flags", 0), _NO_FRAME)),
    "split": Member((*_SPLIT, _flag("regex", None))),
    "rsplit": Member(_SPLIT),
    "join": Member((_text("sep", high=100),)),
}
DATE_NUMBERS = _words(
    """year month day hour minute second microsecond nanosecond dayofweek day_of_week weekday dayofyear
    day_of_year quarter days_in_month daysinmonth"""
)
DATE_TESTS = _words(
    """is_month_start is_month_end is_quarter_start is_quarter_end is_year_start is_year_end is_leap_year"""
)
DURATION_NUMBERS = ["days", "seconds", "microseconds", "nanoseconds"]
_ZONE = _text("tz", required=False, high=50)
_UNTIMELY = _choice("nonexistent", "raise", "NaT", "shift_forward", "shift_backward")
_DT = {
    **{name: Member(called=False) for name in (*DATE_NUMBERS, *DATE_TESTS, *DURATION_NUMBERS, "date", "time")},
    **{name: Member() for name in ("normalize", "day_name", "month_name", "total_seconds")},
    **{name: Member((_text("freq", high=20),)) for name in ("floor", "ceil", "round")},
    "strftime": Member((_text("date_format", high=100),)),
    "tz_localize": Member((_ZONE, _choice("ambiguous", "raise", "NaT"), _UNTIMELY)),
    "tz_convert": Member((_ZONE,)),
}

#: The allowlist, by name without arguments: `sin`, `.isna`, `.str.lower`, `.dt.year`.
MEMBERS = {
    **{name: Member((_value("x"),)) for name in FUNCTIONS},
    "arctan2": Member((_value("y"), _value("x"))),
    **{f".{name}": member for name, member in _METHODS.items()},
    **{f".str.{name}": member for name, member in _STR.items()},
    **{f".dt.{name}": member for name, member in _DT.items()},
}
