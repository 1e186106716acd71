"""Ansible module: writes several small files of root in one task."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = """
module: write_files
short_description: Writes several small files in one task
description:
  - Each file is replaced atomically, and belongs to root. Missing folders are created.
  - A task costs a slow board a second or two before it does anything, and C(template) costs two tasks. So a role writes
    all of its files in one task.
options:
  files:
    description: The files to write, in this order.
    type: list
    elements: dict
    required: true
    suboptions:
      path:
        description: Absolute path of the file.
        type: path
        required: true
      content:
        description: The whole text of the file.
        type: str
        required: true
      mode:
        description: Its permissions, in octal.
        type: str
        default: "0644"
      backup:
        description: Whether the previous file is kept beside it, under a name with the time.
        type: bool
        default: false
      keep:
        description: Whether the text of an existing file stays unchanged.
        type: bool
        default: false
  note:
    description:
      - A file in C(/run) that lists written files that are not yet in force. The handler that applies them removes the
        note. If a run fails before its handlers, the next one finds the note, and the task reports a change, too.
      - A reboot removes the note, and applies the files.
    type: path
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
"""

RETURN = """
written:
  description: The paths of the files that were written, or would be in check mode, and of those in the note.
  returned: always
  type: list
"""

FILE = {
    "path": {"type": "path", "required": True},
    "content": {"type": "str", "required": True},
    "mode": {"type": "str", "default": "0644"},
    "backup": {"type": "bool", "default": False},
    "keep": {"type": "bool", "default": False},
}


def content_of(path: Path) -> bytes | None:
    """The file's bytes; None if it does not exist."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


class Note:
    """The list of written files that are not yet in force."""

    def __init__(self, path: str | None) -> None:
        """Read the note. One that a full disk truncated counts as missing."""
        self.path = Path(path) if path else None
        try:
            self.files: list[str] = json.loads((self.path and content_of(self.path)) or b"[]")
        except ValueError:
            self.files = []

    def add(self, file: str) -> None:
        """List a file, before it is written."""
        if self.path is None or file in self.files:
            return
        self.files.append(file)
        make_folder(self.path.parent)
        partial = self.path.with_name(f".{self.path.name}")
        partial.write_text(json.dumps(self.files))
        partial.replace(self.path)


def make_folder(path: Path) -> None:
    """Like ``mkdir -p``, with permissions that do not depend on the umask."""
    if not path.is_dir():
        make_folder(path.parent)
        path.mkdir()
        path.chmod(0o755)


def write(module: AnsibleModule, wanted: dict[str, Any], note: Note) -> dict[str, str] | None:
    """Bring one file up to date.

    Returns:
        Its difference, as Ansible shows it; None if it did not change.
    """
    path = wanted["path"]
    before = content_of(Path(path))
    after = before if before is not None and wanted["keep"] else wanted["content"].encode()
    attributes = module.load_file_common_arguments({"path": path, "mode": wanted["mode"], "owner": "0", "group": "0"})
    if before == after:
        changed = module.set_fs_attributes_if_different(attributes, changed=False)
        return {"before_header": path, "after_header": f"{path} (mode {wanted['mode']})"} if changed else None
    if not module.check_mode:
        note.add(path)
        make_folder(Path(path).parent)
        if wanted["backup"] and before is not None:
            module.backup_local(path)
        handle, partial = tempfile.mkstemp(dir=module.tmpdir)
        with os.fdopen(handle, "wb") as file:
            file.write(after)
        module.atomic_move(partial, path)
        module.set_fs_attributes_if_different(attributes, changed=True)
    return {
        "before_header": path,
        "after_header": path,
        "before": (before or b"").decode(errors="replace"),
        "after": wanted["content"],
    }


def main() -> None:
    """Runs the module."""
    module = AnsibleModule(
        argument_spec={
            "files": {"type": "list", "elements": "dict", "required": True, "options": FILE},
            "note": {"type": "path"},
        },
        supports_check_mode=True,
    )
    differences: dict[str, dict[str, str]] = {}
    note = Note(module.params["note"])
    waiting = [wanted["path"] for wanted in module.params["files"] if wanted["path"] in note.files]
    for wanted in module.params["files"]:
        try:
            if difference := write(module, wanted, note):
                differences[wanted["path"]] = difference
        except OSError as error:
            module.fail_json(msg=f"{wanted['path']} cannot be written: {error.strerror}", written=list(differences))
    written = list(dict.fromkeys([*waiting, *differences]))
    module.exit_json(changed=bool(written), written=written, diff=list(differences.values()))


if __name__ == "__main__":
    main()
