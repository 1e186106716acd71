"""The names that user processors import: those of processor_api and, for one release, the former ones."""

from __future__ import annotations

import subprocess
import sys

import pytest
from csvswarm import errors, exact, processor_api, rows, sinks
from csvswarm.arithmetic import exact_sum

from tests.support.jobs import ROOT


def test_old_and_new_names_are_the_same_objects() -> None:
    assert processor_api.OptionError is errors.OptionError
    assert processor_api.Rows is rows.Rows
    assert processor_api.EncodedRows is sinks.Written
    assert processor_api.exact_sum is exact_sum
    public = [name for name in vars(exact_sum) if name in exact.__all__]
    assert sorted(public) == sorted(exact.__all__)
    for name in exact.__all__:
        assert getattr(exact, name) is getattr(exact_sum, name), name


def test_public_names_exist() -> None:
    for name in processor_api.__all__:
        assert getattr(processor_api, name) is not None
    with pytest.raises(AttributeError, match="Nothing"):
        _ = processor_api.Nothing


def test_package_import_is_light() -> None:
    code = "import sys, csvswarm.processor_api; print(sorted({'numpy', 'pandas', 'pyarrow'} & set(sys.modules)))"

    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT / "scripts", check=True, capture_output=True, text=True
    )

    assert done.stdout.strip() == "[]"
