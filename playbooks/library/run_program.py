"""Run a program on a board and return all of its output."""

from __future__ import annotations

import os
import subprocess
from typing import Any

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = """
module: run_program
short_description: Run a program and return all of its output
description:
  - The modules C(command) and C(shell) may lose the output of a program that ends while they poll it
    (docs/architecture.md). This one reads all of it. Use it wherever the output decides something.
  - With C(--check) the program does not run, unless the task sets C(check_mode=false).
options:
  argv:
    description: The program and its arguments, passed unchanged.
    type: list
    elements: str
  script:
    description: A script for C(/bin/sh), instead of O(argv).
    type: str
author: csvswarm
"""
EXAMPLES = """
- name: Read the type of a disk
  run_program:
    argv: [blkid, --probe, --match-tag, TYPE, --output, value, /dev/sdb]
  register: disk_type
  changed_when: false
"""
RETURN = """
rc:
  description: The program's exit code. Any other than 0 fails the task.
  returned: success
  type: int
stdout:
  description: Its output, without line breaks at the end; also C(stdout_lines), C(stderr) and C(stderr_lines).
  returned: success
  type: str
"""


def run(argv: list[str]) -> dict[str, Any]:
    """Run a program and return the module's answer. Raises OSError when it cannot be started."""
    done = subprocess.run(
        argv,
        check=False,
        capture_output=True,
        stdin=subprocess.DEVNULL,
        encoding="utf-8",
        errors="surrogateescape",
        env={**os.environ, "LC_ALL": "C.UTF-8"},
    )
    answer: dict[str, Any] = {"rc": done.returncode, "changed": True}
    for name, text in (("stdout", done.stdout), ("stderr", done.stderr)):
        answer |= {name: text.rstrip("\r\n"), f"{name}_lines": text.rstrip("\r\n").splitlines()}
    return answer


def main() -> None:
    """Run as Ansible runs a module."""
    module = AnsibleModule(
        argument_spec={"argv": {"type": "list", "elements": "str"}, "script": {"type": "str"}},
        required_one_of=[("argv", "script")],
        mutually_exclusive=[("argv", "script")],
        supports_check_mode=True,
    )
    if module.check_mode:
        module.exit_json(changed=False, skipped=True, msg="the program did not run: this is a check")
    answer: dict[str, Any] = {}
    try:
        answer = run(module.params["argv"] or ["/bin/sh", "-c", module.params["script"]])
    except OSError as error:
        module.fail_json(msg=f"{error.strerror}: {error.filename}", rc=error.errno, stdout="", stderr=str(error))
    if answer["rc"]:
        module.fail_json(msg="non-zero return code", **answer)
    module.exit_json(**answer)


if __name__ == "__main__":
    main()
