"""Hypothesis profiles: no deadline, because no test asserts timing, and the same cases every time in CI."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

settings.register_profile(
    "csvswarm",
    deadline=None,
    derandomize=bool(os.environ.get("CI")),
    # tests with tmp_path create a new name in it for every example
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.load_profile("csvswarm")
