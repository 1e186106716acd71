"""Opening a result on the share for the user who fetches it, while another process acts as the owner of the jobs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processing_job.acting import OWNER, ROUNDS, SENDER, STRANGER, Place, acting, place_of_job, repeating

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root may act as another user")


@pytest.fixture
def place() -> Iterator[Place]:
    with place_of_job() as place:
        yield place


def result(place: Place) -> Path:
    folder = place.share / "results/one"
    script = f"umask 077; cd {folder}; echo a >result.csv; mkdir parts; echo b >parts/b; ln -s {place.canary} link"
    assert not acting(OWNER, f"{script}; mkfifo pipe", cwd=place.share).returncode
    return folder


def test_opened_result_is_readable_only_by_its_user(place: Place) -> None:
    folder = result(place)
    assert acting(SENDER, "cat result.csv", cwd=folder).returncode

    assert place.open()["user"] == SENDER

    script = f"cat {folder}/result.csv {folder}/parts/b; ls {folder}"
    assert acting(SENDER, script, cwd=place.share).stdout == b"a\nb\nlink\nparts\npipe\nresult.csv\n"
    assert acting(SENDER, f"echo x >{folder}/result.csv", cwd=place.share).returncode
    for file in (folder / "result.csv", folder / "parts/b"):
        assert acting(STRANGER, f"cat {file}", cwd=place.share).returncode
    # Rerunning the job closes it.
    place.answer("processing_job_share")
    assert acting(SENDER, f"cat {folder}/result.csv", cwd=place.share).returncode


def test_configuring_the_share_keeps_a_result_open(place: Place) -> None:
    folder = result(place)
    place.open()

    assert place.configure(check=True)["changes"] == []
    assert place.configure()["changes"] == []
    assert acting(SENDER, f"cat {folder}/result.csv", cwd=place.share).stdout == b"a\n"


def test_opening_a_result_is_safe_against_races(place: Place) -> None:
    folder = result(place)
    swaps = f"ln -sfn {place.canary.parent} parts; rm -f parts; mkdir -p parts; echo b >parts/b; rm -rf parts"
    swaps += f"; ln -sf {place.canary} result.csv; rm -f result.csv; echo a >result.csv"

    with repeating(swaps, folder):
        for _ in range(ROUNDS):
            done = place.open()
            assert not done.get("failed") or "\n" not in done["msg"], done
            assert place.untouched()
            assert acting(SENDER, f"cat {place.canary}", cwd=place.share).returncode
