"""The examples of docs/processors.md, run by the processors that they show."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from csvswarm.processor_api.loader import BUILT_IN, load_processor

from tests.support.jobs import ROOT, run_with_all_cuts

PAGE = (ROOT / "docs/processors.md").read_text()
FILES = dict(re.findall(r"<!-- file: (\S+) -->\n```csv\n(.*?)```", PAGE, re.DOTALL))
EXAMPLES = re.findall(r"<!-- example: (\w+) -->\n```json\n(.*?)```\n\n```csv\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize(("processor", "options", "expected"), EXAMPLES)
def test_examples_give_their_results(tmp_path: Path, processor: str, options: str, expected: str) -> None:
    source, *lookups = [tmp_path / name for name in FILES]
    for path in (source, *lookups):
        path.write_text(FILES[path.name])

    result = run_with_all_cuts(
        tmp_path, source, processor=processor, options=json.loads(options), files=lookups if processor == "join" else []
    )

    assert result.data == expected.encode()


def test_every_example_is_found() -> None:
    assert len(EXAMPLES) == PAGE.count("<!-- example:") > 0


@pytest.mark.parametrize("path", sorted(BUILT_IN.glob("*.py")), ids=lambda path: path.stem)
def test_every_processor_and_option_is_documented(path: Path) -> None:
    readme = (BUILT_IN / "README.md").read_text()
    own = PAGE.partition(f"\n### {path.stem}\n")[2].split("\n### ")[0]
    text = own or readme.split(f"**{path.stem}**")[1].split("\n**")[0]

    assert f"`{path.stem}`" in PAGE
    missing = [name for name in load_processor(path).options if f"| `{name}` |" not in text]
    assert not missing
