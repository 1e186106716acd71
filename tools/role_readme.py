"""Write a role's README.md from its argument specification.

    python tools/role_readme.py roles/board     # writes roles/board/README.md
    python tools/role_readme.py --check roles/* # reports which READMEs are out of date

With --check, roles without a README are skipped. For roles/processing_job, the table in docs/job-variables.md is
written or checked as well.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import Any

import yaml


def plain(text: str) -> str:
    """Turn Ansible's markup into Markdown's."""
    return re.sub(r"[CV]\(([^)]*)\)", r"`\1`", text)


def sentences(description: str | list[str]) -> list[str]:
    """Return a description's sentences, whether it was written as one text or as a list."""
    return [plain(part) for part in ([description] if isinstance(description, str) else description)]


def shown(value: object) -> str:
    """Return a default as written in YAML."""
    if value in ("", None):
        return "empty"
    text = yaml.safe_dump(value, default_flow_style=True, width=1000).splitlines()[0]
    return f"`{text}`"


def row(name: str, option: dict[str, Any]) -> str:
    """Return an option's row of the table."""
    text = " ".join(sentences(option["description"]))
    if "choices" in option:
        text += f" One of: {', '.join(f'`{choice}`' for choice in option['choices'])}."
    if "options" in option:
        keys = "; ".join(f"`{key}`: {' '.join(sentences(o['description']))}" for key, o in option["options"].items())
        text += f" Keys: {keys}"
    default = "must be given" if option.get("required") else shown(option.get("default"))
    kind = option["type"] + (f" of {option['elements']}" if "elements" in option else "")
    return f"| `{name}` | {text} | {kind} | {default} |"


def readme(role: Path) -> str:
    """Return the README of a role."""
    spec = yaml.safe_load((role / "meta/argument_specs.yml").read_text())["argument_specs"]["main"]
    lines = [
        f"# {role.name}",
        "",
        "<!-- made from meta/argument_specs.yml by tools/role_readme.py -->",
        "",
        spec["short_description"] + ".",
        "",
        *(f"- {sentence}" for sentence in sentences(spec.get("description", []))),
        *([""] if spec.get("description") else []),
        "| variable | meaning | type | default |",
        "| --- | --- | --- | --- |",
        *(row(name, option) for name, option in spec["options"].items()),
    ]
    return "\n".join(lines) + "\n"


ROOT = Path(__file__).resolve().parents[1]
JOB_VARIABLES = ROOT / "docs/job-variables.md"
#: Markers around the table in docs/job-variables.md.
BEGIN, END = "<!-- made by tools/role_readme.py -->\n", "<!-- end -->\n"
#: Options that a split detects.
DETECTED = ("delimiter", "header", "skip_lines", "comment", "escape", "trailing_delimiter", "decimal", "thousands")
#: Defaults that are shown in other words than YAML.
DEFAULTS = {"input": "required", "output": "`results/JOB_ID`", "job_id": "from the time", "quotechar": '`"`',
            "null_values": "the usual", **dict.fromkeys(DETECTED, "detected")}  # fmt: skip


def job_variables(role: Path) -> str:
    """Return docs/job-variables.md with the table of the variables that playbooks/run_job.yml passes to the role."""
    options = yaml.safe_load((role / "meta/argument_specs.yml").read_text())["argument_specs"]["main"]["options"]
    passed_on = re.compile(r"""(processing_job_\w+): "\{\{ lookup\('processing_job_given', '(\w+)'""")
    names = passed_on.findall((ROOT / "playbooks/run_job.yml").read_text())
    rows = ["| variable | meaning | default |", "| --- | --- | --- |"]
    for full, name in names:
        meaning = " ".join(sentences(options[full]["description"]))
        rows.append(f"| `{name}` | {meaning} | {DEFAULTS.get(name, shown(options[full]['default']))} |")
    before, _, rest = JOB_VARIABLES.read_text().partition(BEGIN)
    return before + BEGIN + "\n".join(rows) + "\n" + END + rest.partition(END)[2]


def main() -> int:
    """Write the READMEs, or report which are out of date."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("roles", nargs="+", type=Path)
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    stale = []
    for role in arguments.roles:
        files = {role / "README.md": readme(role)}
        if role.name == "processing_job":
            files[JOB_VARIABLES] = job_variables(role)
        for file, text in files.items():
            if not arguments.check:
                file.write_text(text)
            elif file.exists() and file.read_text() != text:
                stale.append(f"{file} is out of date: python tools/role_readme.py {role}")
    print("\n".join(stale), end="\n" if stale else "")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
