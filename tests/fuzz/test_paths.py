"""Kernel and Python, and any way to cut an input, come to the same: `tests.fuzz.paths`, a few hundred cases of it."""

from __future__ import annotations

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.inputs import random_input
from tests.fuzz.paths import same_every_way


@settings(max_examples=300)
@given(st.randoms(use_true_random=False))
def test_same_every_way(source: Random) -> None:
    same_every_way(random_input(source))
