"""The kernel as these tests use it: built from the sources as they are, where there is a compiler."""

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
