"""Renders the report of a job: one self-contained HTML file."""

from __future__ import annotations

import base64
import hashlib
import json
import pickle
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import jinja2

from csvswarm.errors import CsvswarmError
from csvswarm.job.durable_files import new_token
from csvswarm.report import numbers
from csvswarm.report.advice import advice
from csvswarm.report.commands import commands
from csvswarm.report.data import Material
from csvswarm.report.glance import glance
from csvswarm.report.lanes import Board, Lane, begin, boards_of, lanes_of, outliers, waited
from csvswarm.report.memory import memory_plot
from csvswarm.report.timeline import MAX_LANES, bar_style, paths, scale_of, stage_bars
from csvswarm.runtime.cache_directory import cache_directory
from csvswarm.types.schema import NULL_VALUES

TEMPLATES = Path(__file__).with_name("templates")
#: The name of a report, and its first bytes.
PAGE, MARK = "report.html", b"<!doctype html>\n<!-- report of csvswarm -->\n"
#: Number of attempts shown without the script, and of messages of attempts.
STATIC_ROWS, MAX_COLUMNS, MAX_MESSAGES, MESSAGE_CHARS = 60, 200, 60, 500
STATUSES = ("done", "spare", "misfit", "failed", "lost")


def write_report(material: Material, path: Path) -> None:
    """Write the report of a job to `path` atomically. Raises CsvswarmError if another kind of file is there."""
    try:
        with path.open("rb") as file:
            if file.read(len(MARK)) != MARK:
                raise CsvswarmError(f"{path} is not a report of csvswarm: move it away, or name another output.")
    except FileNotFoundError:
        pass
    aside = path.with_name(f".{path.name}.{new_token()}")
    try:
        aside.write_bytes(render(material).encode("utf-8", errors="replace"))
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


#: What reading a missing or damaged file of the cache raises: see Python's pickle module.
_DAMAGED = (OSError, pickle.UnpicklingError, AttributeError, EOFError, ImportError, IndexError, ValueError)


class _BytecodeCache(jinja2.FileSystemBytecodeCache):
    """Keeps the compiled template: compiling takes longer than rendering. Without a cache that works, both are done."""

    def load_bytecode(self, bucket: jinja2.bccache.Bucket) -> None:
        try:
            super().load_bytecode(bucket)
        except _DAMAGED:
            bucket.reset()

    def dump_bytecode(self, bucket: jinja2.bccache.Bucket) -> None:
        with suppress(OSError):
            Path(self.directory).mkdir(parents=True, exist_ok=True)
            super().dump_bytecode(bucket)


@cache
def page_template() -> jinja2.Template:
    """Return the compiled template of the page."""
    directory = cache_directory("report")
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        bytecode_cache=_BytecodeCache(str(directory)) if directory else None,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "count": numbers.count_text,
        "size": numbers.size_text,
        "seconds": numbers.seconds_text,
        "share": numbers.share_text,
        "moment": numbers.moment_text,
    }
    return environment.get_template("report.html.j2")


def render(material: Material) -> str:
    """Return the page. All text from a job is escaped, and the page runs no script except its own."""
    script = (TEMPLATES / "report.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return page_template().render(
        **_facts(material),
        style=(TEMPLATES / "report.css").read_text(encoding="utf-8"),
        script=script,
        script_digest=digest,
    )


def _facts(material: Material) -> dict[str, Any]:
    record, attempts = material.record, material.attempts
    stage_seconds = _stage_seconds(material)
    lanes = lanes_of(attempts)
    # Without the pauses between two runs of the job.
    span = scale_of((begin(one), one["ended"]) for one in attempts).seconds
    boards = boards_of(attempts, lanes, span)
    found: dict[str, Any] = {
        "record": record,
        "split": "chunks" in record,
        "failed": record["status"] != "done",
        "seconds": sum(stage_seconds.values()),
        "stage_seconds": stage_seconds,
        "advice": advice(record, boards, span),
        "boards": boards,
        "commands": material.commands or commands(record),
        "columns": record.get("columns", [])[:MAX_COLUMNS],
        "reasons": material.reasons,
        "kinds": len(record.get("rejected_reasons", [])),
        "result": glance(material),
        "logs": material.logs,
        "remedy": material.remedy.strip(),
        "attempts": attempts,
        "bar_style": bar_style,
        "outliers": [(attempts[index], times) for index, times in outliers(attempts)],
        "memory": memory_plot(attempts),
        "options": json.dumps(record.get("request", {}).get("options"), ensure_ascii=False),
        "usual_nulls": record.get("request", {}).get("null_values") == [*NULL_VALUES],
        "STATIC_ROWS": STATIC_ROWS,
        "MAX_COLUMNS": MAX_COLUMNS,
        "data": "",
    }
    if attempts:
        found |= _timeline(material, lanes)
        found["data"] = _data(attempts, lanes, boards, found["scale"].pieces)
    return found


def _stage_seconds(material: Material) -> dict[str, float]:
    """Return how long each stage took, in order of time: for the user where that is known, else for the scripts."""
    if material.seconds:
        return material.seconds
    seconds = {stage["name"]: stage["ended"] - stage["started"] for stage in _stages(material)}
    of_record = material.record.get("seconds", {})
    return {name: float(of_record.get(name) or took) for name, took in seconds.items()}


def _stages(material: Material) -> list[dict[str, Any]]:
    return sorted([*material.record.get("stages", []), *material.stages], key=lambda stage: float(stage["started"]))


def _timeline(material: Material, lanes: list[Lane]) -> dict[str, Any]:
    attempts, stages = material.attempts, _stages(material)
    spans = [(stage["started"], stage["ended"]) for stage in stages if stage["name"] != "process"]
    scale = scale_of([*spans, *((begin(one) - waited(one), one["ended"]) for one in attempts)])
    drawn: list[dict[str, Any]] = [
        {"board": lane.board, "number": lane.number, "count": len(lane.indexes), "paths": found}
        for lane in lanes[:MAX_LANES]
        if (found := paths(lane, attempts, scale, len(attempts)))
    ]
    return {
        "scale": scale,
        "lanes": drawn,
        "omitted_lanes": max(0, len(lanes) - MAX_LANES),
        "stages": stage_bars(stages, scale),
        "styles": {name for lane in drawn for name in lane["paths"]},
    }


def _data(
    attempts: list[dict[str, Any]], lanes: list[Lane], boards: list[Board], pieces: list[tuple[float, float]]
) -> str:
    """Return the data for the page's script, as JSON that is safe in a script element.

    An attempt is a list: chunk, board, style, lane (from 0), start and end in seconds from the first piece of time,
    records read, bytes read, peak memory in MB; on boards also seconds of waiting for a board and of starting.
    """
    names = [board.name for board in boards]
    lane_of = {index: number for number, lane in enumerate(lanes) for index in lane.indexes}
    first = pieces[0][0]
    messages = [
        (index, one["message"]) for index, one in enumerate(attempts) if one["message"] and one["status"] != "misfit"
    ]
    data = {
        "boards": names,
        "pieces": [[round(start - first, 2), round(end - first, 2)] for start, end in pieces],
        "attempts": [
            [
                one["chunk"],
                names.index(one["board"]),
                STATUSES.index(bar_style(one)),
                lane_of[index],
                round(one["started"] - first, 2),
                round(one["ended"] - first, 2),
                one["rows_in"],
                one["bytes_in"],
                round(one["peak_bytes"] / 1e6),
                *([round(waited(one), 1), round(one["started"] - begin(one), 1)] if one.get("queued") else []),
            ]
            for index, one in enumerate(attempts)
        ],
        "messages": {index: message[:MESSAGE_CHARS] for index, message in messages[:MAX_MESSAGES]},
    }
    text = json.dumps(data, ensure_ascii=True, separators=(",", ":"))
    return text.replace("&", r"\u0026").replace("<", r"\u003c").replace(">", r"\u003e")
