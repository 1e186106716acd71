"""Kernel and Python read the same from any division of an input: a few hundred cases of `tests.fuzz.paths`."""

from __future__ import annotations

from random import Random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.inputs import random_input
from tests.fuzz.paths import same_every_way


# Enough random bytes for a whole input.
@settings(max_examples=300, suppress_health_check=[HealthCheck.large_base_example, HealthCheck.too_slow])
@given(st.randoms(use_true_random=False))
def test_all_reading_paths_agree(source: Random) -> None:
    same_every_way(random_input(source))
