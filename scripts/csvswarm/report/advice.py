"""Advice in plain words, if the record of a job shows a problem."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median
from typing import Any

from csvswarm.report.lanes import Board, begin
from csvswarm.report.numbers import seconds_text, share_text, size_text

#: A limit is nearly reached above the first share of it, and could be lower below the second.
NEAR_LIMIT, FAR_FROM_LIMIT = 0.85, 0.4
SLOW_BOARD = 1.5
#: Minimum shares of CPU time, and of work, in an attempt's time: below these, something else takes the time.
WAITS_FOR_DATA, STARTS_MORE_THAN_IT_WORKS = 0.4, 0.5
LONG_ENOUGH = 2.0
IDLE, IDLE_SECONDS = 0.3, 20.0


def advice(record: dict[str, Any], boards: list[Board], span: float) -> list[str]:
    """Return what to change, most important first; empty without problems. span: seconds in which chunks ran."""
    attempts = record.get("attempts", [])
    done = [one for one in attempts if one["status"] == "done"]
    return [
        *_lost(attempts),
        *_memory(done),
        *_boards(boards),
        *_chunks(done, record.get("chunks", 0), boards, span),
        *_waiting(done),
        *_columns(record.get("columns", [])),
        *_rejected(record),
        *_kernel(record),
    ]


def _lost(attempts: list[dict[str, Any]]) -> Iterator[str]:
    lost = [one for one in attempts if one["status"] == "lost"]
    if lost:
        boards = ", ".join(sorted({one["board"] or "an unknown board" for one in lost}))
        yield (
            f"{len(lost)} attempt{'s' * (len(lost) > 1)} ended without a receipt, on {boards}. The table below shows "
            "why. If it is always the same board, check its power supply, its memory and its connection."
        )


def _memory(done: list[dict[str, Any]]) -> Iterator[str]:
    limited = [one for one in done if one["limit_bytes"]]
    if not limited:
        return
    worst = max(limited, key=lambda one: one["peak_bytes"] / one["limit_bytes"])
    share = worst["peak_bytes"] / worst["limit_bytes"]
    peak, limit = size_text(worst["peak_bytes"]), size_text(worst["limit_bytes"])
    if share > NEAR_LIMIT:
        wanted = round(worst["peak_bytes"] * 1.4 / 1e7) * 10
        yield (
            f"The memory limit was nearly reached: chunk {worst['chunk']} needed {peak} of {limit}. Pass -e "
            f"memory={wanted}MB, so that a denser chunk does not end the job."
        )
    elif share < FAR_FROM_LIMIT:
        wanted = max(64, round(worst["peak_bytes"] * 1.5 / 1e7) * 10)
        yield (
            f"The memory limit could be lower: no attempt needed more than {peak} of {limit}. With -e "
            f"memory={wanted}MB, more chunks may fit on a board at the same time."
        )


def _boards(boards: list[Board]) -> Iterator[str]:
    for board in boards:
        if len(boards) > 1 and board.slowdown > SLOW_BOARD and board.chunks > 1:
            yield (
                f"{board.name} was {board.slowdown:.1f} times slower than the median board. Check its cooling, its "
                "card and its connection, or drain it with csvswarm_availability: drain."
            )


def _chunks(done: list[dict[str, Any]], chunks: int, boards: list[Board], span: float) -> Iterator[str]:
    if not done:
        return
    slots = sum(board.lanes for board in boards)
    works = [one["ended"] - one["started"] for one in done]
    starts = [one["started"] - begin(one) for one in done]
    usual = median(works)
    if sum(starts) > STARTS_MORE_THAN_IT_WORKS * (sum(starts) + sum(works)) and chunks > 2 * slots:
        yield (
            f"The chunks are small: a container took {seconds_text(median(starts))} to start for "
            f"{seconds_text(usual)} of work. Pass fewer, for example -e chunks={max(slots, chunks // 3)}."
        )
    idle = 1 - (sum(works) + sum(starts)) / (span * slots) if span else 0
    if idle > IDLE and span > IDLE_SECONDS and chunks < 3 * slots:
        yield (
            f"The chunks are large: slots were idle for {share_text(idle)} of the time, because {chunks} chunks do not "
            f"spread evenly over {slots} slots. Pass more, for example -e chunks={4 * slots}."
        )


def _waiting(done: list[dict[str, Any]]) -> Iterator[str]:
    long = [one for one in done if one["ended"] - one["started"] > LONG_ENOUGH]
    if len(long) < 2:
        return
    busy = median(one["cpu_seconds"] / (one["ended"] - one["started"]) for one in long)
    if busy < WAITS_FOR_DATA:
        yield (
            f"The chunks waited for data: they used the CPU for only {share_text(busy)} of their time. The network, "
            "the disk of the share, or other programs on the machine limit the job, not the number of cores."
        )


def _columns(columns: list[dict[str, Any]]) -> Iterator[str]:
    mixed = [one["name"] for one in columns if one["type"] == "text" and {"int", "float"} & {*one["kinds"]}]
    if mixed:
        names = ", ".join(mixed[:5]) + (f" and {len(mixed) - 5} more" if len(mixed) > 5 else "")
        yield (
            f"Columns with numbers were read as text because of other values in them: {names}. If these values mean "
            "missing data, name them with -e null_values."
        )
    texts = sum(one["type"] == "text" for one in columns)
    if len(columns) > 3 and texts > 0.8 * len(columns):
        yield (
            f"{texts} of {len(columns)} columns were read as text. If they should be numbers, check the delimiter and "
            "the decimal sign in the section on the input."
        )


def _rejected(record: dict[str, Any]) -> Iterator[str]:
    rejected, total = record.get("rejected", 0), sum(chunk["rows"] for chunk in record.get("input_chunks", []))
    if rejected > 0.01 * total:
        yield (
            f"{share_text(rejected / total)} of the records were rejected. The section on the input counts the "
            "reasons; a wrong delimiter, quote character or column type is the usual cause."
        )


def _kernel(record: dict[str, Any]) -> Iterator[str]:
    if record.get("native") is False:
        yield "The native kernel was not used. Results are the same; make setup with a C compiler speeds up jobs."
