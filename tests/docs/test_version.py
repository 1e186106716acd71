"""The version: one number in the package, the changelog, the scripts and the jobs."""

from __future__ import annotations

import re
import subprocess
import sys

import csvswarm
import pytest
from csvswarm.job.fingerprint import versions

from tests.support.jobs import ROOT

RELEASE = re.compile(r"^## (\d+)\.(\d+)\.(\d+) - (\d{4}-\d{2}-\d{2})$", re.MULTILINE)


def releases() -> list[tuple[tuple[int, ...], str]]:
    text = (ROOT / "CHANGELOG.md").read_text()
    return [(tuple(map(int, found.groups()[:3])), found[4]) for found in RELEASE.finditer(text)]


def test_the_newest_release_is_the_version() -> None:
    assert ".".join(map(str, releases()[0][0])) == csvswarm.__version__


def test_the_collection_has_the_version() -> None:
    assert f"\nversion: {csvswarm.__version__}\n" in (ROOT / "galaxy.yml").read_text()


def test_releases_are_in_order_below_unreleased() -> None:
    headings = re.findall(r"^## (.*)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)

    assert headings[0] == "Unreleased"
    assert len(headings) == len(releases()) + 1
    assert releases() == sorted(releases(), reverse=True)
    assert [date for _, date in releases()] == sorted((date for _, date in releases()), reverse=True)


def test_a_job_records_the_version_and_the_code() -> None:
    assert re.fullmatch(re.escape(csvswarm.__version__) + r"\+[0-9a-f]{16}", versions()["csvswarm"])


@pytest.mark.parametrize("script", ["split_dataframe", "split_processing", "collect_results"])
def test_scripts_print_the_version(script: str) -> None:
    command = [sys.executable, str(ROOT / "scripts" / f"{script}.py"), "--version"]
    assert subprocess.check_output(command, text=True) == f"csvswarm {csvswarm.__version__}\n"
