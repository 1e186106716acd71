"""The shipped processors and the pandas code of the benchmark return the same, correct answers."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from bench.answers import difference, digest
from bench.data import write_hostile
from bench.reference import main as reference
from bench.works import HOSTILE_AGGREGATE, HOSTILE_MAP, Work
from tests.support.jobs import ROOT, run_with_all_cuts


@pytest.mark.parametrize("work", [HOSTILE_MAP, HOSTILE_AGGREGATE], ids=lambda work: work.name)
def test_reference_reads_the_hostile_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, work: Work) -> None:
    source, truth, got = tmp_path / "hostile.csv", tmp_path / "truth.csv", tmp_path / "got.csv"
    write_hostile(source, 1)
    monkeypatch.setattr(sys, "argv", ["reference", work.name, str(source), str(truth)])
    reference()
    own = str(ROOT / f"bench/processors/{work.name}.py")

    for processor, options in ((work.processor, work.options), (own, {})):
        directory = tmp_path / Path(processor).stem
        directory.mkdir()
        cuts = ((1, 1 << 20), (7, 4096))
        got.write_bytes(run_with_all_cuts(directory, source, cuts=cuts, processor=processor, options=options).data)

        assert difference(digest(work, truth), digest(work, got)) == ""
