"""The kinds of state that metrics of groups are computed from.

A measure's slots in a table of state are its index times STATE_KINDS plus a kind of state. Counts and exact sums are
added. For smallest, largest, first and last, the row with the lowest or highest `order` is kept; values have a row per
distinct value, with its count.
"""

from __future__ import annotations

#: In the order in which they are read: counts first, as other metrics need them.
COUNT, SUM, SQUARES, SMALLEST, LARGEST, FIRST, LAST, VALUES, ROWS, PRODUCTS, WEIGHTS = range(11)
STATE_KINDS = 11
LOWEST_PICKED, HIGHEST_PICKED = (SMALLEST, FIRST), (LARGEST, LAST)
