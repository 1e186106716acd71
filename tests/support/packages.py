"""Packages of the index that several tests install: the same list, so that one environment serves them all."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

#: A list as users write it. Whoever comes first installs it into the cache of this clone.
LEARNING = "scikit-learn\nscipy\nstatsmodels\n"
#: A processor that scores the column x with models of these packages.
SCORES = """
import numpy as np
import statsmodels.api as sm
from scipy import stats
from sklearn.linear_model import LinearRegression

X = np.array([[0.0], [1.0], [2.0]])
MODEL = LinearRegression().fit(X, np.array([1.0, 3.0, 5.0]))
SLOPE = sm.OLS(np.array([1.0, 3.0, 5.0]), sm.add_constant(X)).fit().params[1]

def process(block, context):
    x = block["x"].to_numpy("float64")
    return block.assign(score=MODEL.predict(x[:, None]).round(6), p=stats.norm.cdf(x).round(6), s=round(SLOPE, 6))
"""


def need_index(directory: Path) -> None:
    """Skip the test when the package index does not answer. directory: for a small download."""
    small = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", f"--dest={directory}/small", "packaging"]
    tried = subprocess.run(small, check=False, capture_output=True, text=True)
    if tried.returncode:
        pytest.skip(f"the package index does not answer: {tried.stderr}")
