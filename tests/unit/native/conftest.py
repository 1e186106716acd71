"""The kernel for these tests, built from the current sources if there is a compiler."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from csvswarm.native.build import build, compiler
from csvswarm.native.library import kernel

from tests.support.jobs import native


@pytest.fixture(scope="session", autouse=True)
def built() -> Iterator[None]:
    if not compiler():
        pytest.skip("there is no C compiler")
    output, _ = build()
    with native(True):
        assert kernel() is not None, output
        yield
