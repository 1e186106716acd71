"""What `make bench` passes on."""

from __future__ import annotations

import subprocess

import pytest

from tests.support.jobs import ROOT


@pytest.mark.parametrize(("given", "passed"), [([], []), (["SEED=7"], ["--seed", "7"])])
def test_a_seed_is_passed_only_if_it_is_given(given: list[str], passed: list[str]) -> None:
    """A default that another target has would be an invalid seed here."""
    done = subprocess.run(["make", "-n", "bench", *given], cwd=ROOT, check=True, capture_output=True, text=True)

    (line,) = [line for line in done.stdout.replace("\\\n", "").splitlines() if "-m bench" in line]
    assert line.split()[line.split().index("100MB") + 1 :] == passed
