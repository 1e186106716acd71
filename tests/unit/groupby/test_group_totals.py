"""The state of groups as columns of numbers: merging it gives every list an entry per group."""

from __future__ import annotations

from csvswarm.groupby.group_totals import ColumnTotals, GroupTotals
from csvswarm.groupby.state_kinds import COUNT, LARGEST, SMALLEST, SUM
from hypothesis import given
from hypothesis import strategies as st

#: Of a chunk: its groups, with the levels of their sums and one picked value.
CHUNKS = st.lists(
    st.dictionaries(
        st.sampled_from("abcd"),
        st.tuples(st.dictionaries(st.sampled_from([-1, 0, 1]), st.integers(1, 9)), st.integers(-5, 5)),
        min_size=1,
    ),
    min_size=1,
    max_size=4,
)


def state_of(chunk: dict[str, tuple[dict[int, int], int]]) -> GroupTotals:
    levels = sorted({level for sums, _ in chunk.values() for level in sums})
    added = {(COUNT, 0): [1] * len(chunk)}
    added |= {(SUM, level): [sums.get(level, 0) for sums, _ in chunk.values()] for level in levels}
    picks = [value for _, value in chunk.values()]
    picked = {kind: ([*picks], [*picks]) for kind in (SMALLEST, LARGEST)}
    return GroupTotals([(name,) for name in chunk], [ColumnTotals(added, picked)])


@given(CHUNKS)
def test_merged_groups_have_the_sums_and_picks_of_all_chunks(
    chunks: list[dict[str, tuple[dict[int, int], int]]],
) -> None:
    totals = GroupTotals()
    for chunk in chunks:
        totals.merge_from(state_of(chunk))

    (column,) = totals.columns
    for index, (name,) in enumerate(totals.groups):
        parts = [chunk[name] for chunk in chunks if name in chunk]
        assert column.counts[index] == len(parts)
        for (kind, level), units in column.added.items():
            if kind == SUM:
                assert units[index] == sum(sums.get(level, 0) for sums, _ in parts)
        for kind, best in ((SMALLEST, min), (LARGEST, max)):
            assert column.picked[kind][1][index] == best(value for _, value in parts)
