"""Combines the files of an input into one CSV: one dialect, and columns matched by name.

Each file is read in its own layout, so delimiters, lines before the header and comments may differ. A file that differs
from the common CSV is rewritten while it is split; the others are read in place.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from csvswarm.csv_format.normalize import Rules
from csvswarm.csv_format.row_writer import encode_header
from csvswarm.errors import InputError, OptionError, format_names, shown
from csvswarm.input.header import InputHeader, open_layout, read_header, with_source_name
from csvswarm.input.layout import Given, Layout
from csvswarm.input.many_files import SOURCE_FILE, short_names
from csvswarm.input.source import Source

#: Number of files that a message or the decisions name.
MAX_NAMED = 10
Member = tuple[Source, InputHeader]


class Inputs(NamedTuple):
    """An input whose files were inspected.

    members: each file, with where its records start. header: that of the whole input; data_offset and preamble are
    those of the first file.
    """

    members: tuple[Member, ...]
    header: InputHeader

    @property
    def is_plain(self) -> bool:
        """Whether ranges of all files can be read."""
        return all(source.is_plain for source, _ in self.members)

    def first_bytes(self, most: int) -> tuple[bytes, bool]:
        """Return (the first records of all files in order, whether these are all). At most this many bytes."""
        data = b""
        for source, header in self.members:
            if data and not data.endswith((b"\n", b"\r")):
                data += b"\n"
            with source.open() as file:
                left = header.data_offset
                while left and (skipped := file.read(left)):
                    left -= len(skipped)
                while len(data) < most and (more := file.read(most - len(data))):
                    data += more
            if len(data) >= most:
                return data, False
        return data, True


def open_inputs(
    sources: Sequence[Source], given: Given, null_values: list[str], *, union: bool = False, source_file: bool = False
) -> Inputs:
    """Inspect the files of an input. Raises InputError, OptionError.

    union: whether files may lack columns, which are then missing. source_file: whether to add the name of the file.
    """
    opened: list[Member] = []
    for source in sources:
        try:
            opened.append(open_layout(source, given, null_values))
        except InputError as error:
            raise with_source_name(source, error) from error
        if given.header is None and not opened[0][1].layout.header:
            given = replace(given, header=False)  # the first file decides for all
    names = _columns(opened, union)
    if source_file and SOURCE_FILE in names:
        raise OptionError(
            f"the input already has a column {SOURCE_FILE!r}: leave out source_file, or rename that column."
        )
    if len(opened) == 1 and not source_file:
        return Inputs(tuple(opened), opened[0][1])
    added = short_names([source.path for source, _ in opened]) if source_file else None
    members = _arranged(opened, names, added, null_values)
    return Inputs(tuple(members), _whole_header(opened, members[0][1], names, source_file))


def _columns(opened: Sequence[Member], union: bool) -> list[str]:
    """Return the names of all columns. Raises InputError when files have other columns than the first one."""
    (first, header), *others = opened
    names = dict.fromkeys(header.names)
    problems = []
    for source, other in others:
        lacking = [name for name in header.names if name not in set(other.names)]
        more = [name for name in other.names if name not in set(header.names)]
        names |= dict.fromkeys(more)
        if lacking or more:
            parts = [f"lacks {_quoted(lacking)}"] * bool(lacking) + [f"has {_quoted(more)} besides"] * bool(more)
            problems.append(f"  {source.path} {' and '.join(parts)}")
    if problems and not union:
        shown_problems = "\n".join(problems[:MAX_NAMED])
        rest = f"\n  and {len(problems) - MAX_NAMED} more" if len(problems) > MAX_NAMED else ""
        raise InputError(
            f"{len(problems)} of {len(opened)} files have other columns than {first.path}:\n{shown_problems}{rest}\n"
            "Fix or leave out these files, or pass -e union=true to keep all columns, with missing values where a file "
            "has none."
        )
    return list(names)


def _quoted(names: Sequence[str]) -> str:
    return format_names([repr(shown(name)) for name in names], MAX_NAMED)


def _arranged(
    opened: Sequence[Member], names: Sequence[str], added: Sequence[str] | None, null_values: list[str]
) -> list[Member]:
    """Return the files as sources of one dialect with the same columns. added: the name of each file, as a column."""
    dialect = opened[0][1].dialect
    changes = [
        added is not None
        or header.names != names
        or (header.dialect.delimiter, header.dialect.quotechar) != (dialect.delimiter, dialect.quotechar)
        for _, header in opened
    ]
    rewrites = any(changes) or any(source.rules for source, _ in opened)
    if rewrites and not dialect.quotechar:  # a value may need quotes in the dialect of the rewritten file
        dialect, changes = replace(dialect, quotechar='"'), [True] * len(opened)
    members = []
    for number, ((source, header), changes_file) in enumerate(zip(opened, changes, strict=True)):
        if not changes_file:
            members.append((source, header))
            continue
        index = {name: place for place, name in enumerate(header.names)}
        rules = source.rules or _plain_rules(header.layout)
        rules = rules._replace(
            out_delimiter=dialect.delimiter,
            out_quote=dialect.quotechar,
            width=len(header.names),
            columns=() if header.names == names else tuple(index.get(name, -1) for name in names),
            added=None if added is None else added[number],
        )
        rewritten = source._replace(rules=rules, null_values=tuple(null_values))
        start = read_header(
            rewritten,
            delimiter=dialect.delimiter,
            quotechar=dialect.quotechar,
            header=header.layout.header is True,
        )
        members.append((rewritten, start))
    return members


def _plain_rules(layout: Layout) -> Rules:
    return Rules(delimiter=layout.delimiter, quotechar=layout.quotechar, skip_lines=layout.skip_lines)


def _whole_header(opened: Sequence[Member], start: InputHeader, names: list[str], source_file: bool) -> InputHeader:
    """Return the header of the whole input. start: that of its first file as it is split."""
    first = opened[0][1]
    more = [*names[len(first.names) :], *([SOURCE_FILE] if source_file else [])]
    bare = replace(start.dialect, lineterminator="")
    record = first.record if bare.quotechar == first.dialect.quotechar else encode_header(first.names, bare)
    if more:
        record += bare.delimiter.encode() + encode_header(more, bare)
    return replace(
        first,
        dialect=start.dialect,
        record=record,
        names=[*names, *([SOURCE_FILE] if source_file else [])],
        data_offset=start.data_offset,
        preamble=start.preamble,
        decisions=[*first.decisions, *_limited(_differences(opened))],
        warnings=_limited(_warnings(opened)),
    )


def _warnings(opened: Sequence[Member]) -> Iterator[str]:
    for source, header in opened:
        for warning in header.warnings:
            yield warning if len(opened) == 1 else f"{source.path}: {warning}"


def _limited(texts: Iterator[str]) -> list[str]:
    found = list(texts)
    if len(found) > MAX_NAMED:
        found[MAX_NAMED:] = [f"{len(found) - MAX_NAMED} more files have the same warning."]
    return found


def _differences(opened: Sequence[Member]) -> Iterator[str]:
    """Yield how each file differs from the first one."""
    (first, header), *others = opened
    for source, other in others:
        parts = [f"it is {source.content or 'text'}"] if source.content != first.content else []
        parts += _layout_parts(header.layout, other.layout)
        if header.names != other.names and set(header.names) == set(other.names):
            parts.append("its columns are in another order")
        if lacking := [name for name in header.names if name not in set(other.names)]:
            parts.append(f"it lacks {_quoted(lacking)}")
        if more := [name for name in other.names if name not in set(header.names)]:
            parts.append(f"it has {_quoted(more)} besides")
        if parts:
            yield f"{source.path} differs from {first.path}: {', '.join(parts)}."


def _layout_parts(first: Layout, other: Layout) -> Iterator[str]:
    if other.delimiter != first.delimiter:
        yield f"its delimiter is {other.delimiter!r}"
    if other.skip_lines != first.skip_lines:
        yield f"it has {other.skip_lines} lines before the header"
    if other.comment != first.comment:
        yield f"comments start with {other.comment!r}" if other.comment else "it has no comments"
    if other.escape != first.escape:
        yield f"{other.escape!r} escapes" if other.escape else "nothing escapes"
    if other.trailing != first.trailing:
        yield "its records end with a delimiter" if other.trailing else "its records do not end with a delimiter"
