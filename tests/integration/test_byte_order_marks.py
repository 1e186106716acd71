"""A byte order mark counts only at the start of the file; anywhere else, even at the start of a block, it is text."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.jobs import native, run_with_all_cuts

MARK = "\ufeff"
SAME = "def process(block, context):\n    return block\n"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("with_kernel", [True, False])
@pytest.mark.parametrize("start", ["", MARK])
def test_bom_at_the_start_of_a_field_is_kept(tmp_path: Path, start: str, with_kernel: bool, end: str) -> None:
    values = [f"{MARK}x", f"{MARK}NA", "NA", MARK, f"{MARK}{MARK}", f'{MARK}"q"']
    source = tmp_path / "data.csv"
    source.write_bytes(f"{start}a,b{end}".encode() + "".join(f"{value},1{end}" for value in values).encode())
    (tmp_path / "same.py").write_text(SAME)

    with native(with_kernel):
        result = run_with_all_cuts(tmp_path, source, processor=str(tmp_path / "same.py"))

    assert [row[0] for row in result.rows] == [f"{MARK}x", f"{MARK}NA", "", MARK, f"{MARK}{MARK}", f'{MARK}"q"']
    assert result.header == ["a", "b"]


@pytest.mark.parametrize("with_kernel", [True, False])
def test_null_value_with_a_bom_is_not_missing(tmp_path: Path, with_kernel: bool) -> None:
    source = tmp_path / "data.csv"
    source.write_bytes(f"a,b\n{MARK}-,1\n-,2\n{MARK},3\n".encode())
    (tmp_path / "same.py").write_text(SAME)

    with native(with_kernel):
        result = run_with_all_cuts(tmp_path, source, processor=str(tmp_path / "same.py"), null_values=[f"{MARK}-"])

    assert [row[0] for row in result.rows] == ["", "-", MARK]
