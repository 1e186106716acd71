"""How hypothesis runs here: no deadline, because timing is asserted nowhere, and the same cases every time in CI."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

settings.register_profile(
    "csvswarm",
    deadline=None,
    derandomize=bool(os.environ.get("CI")),
    # tests that take tmp_path make a new name in it for every example
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.load_profile("csvswarm")
