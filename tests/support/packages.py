"""Packages of the index that several tests install: the same list, so that one environment serves them all."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

#: A list as users write it. Whoever comes first installs it into the cache of this clone.
LEARNING = "scikit-learn\nscipy\nstatsmodels\n"


def need_index(directory: Path) -> None:
    """Skip the test when the package index does not answer. directory: for a small download."""
    small = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", f"--dest={directory}/small", "packaging"]
    tried = subprocess.run(small, check=False, capture_output=True, text=True)
    if tried.returncode:
        pytest.skip(f"the package index does not answer: {tried.stderr}")
