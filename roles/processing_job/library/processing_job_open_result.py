"""Let the user of sudo read the result of a csvswarm job."""

from __future__ import annotations

import os
import stat
import struct
from contextlib import suppress

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.processing_job_files import acting_as, open_file

DOCUMENTATION = """
module: processing_job_open_result
short_description: Let the user who fetches a result read it
description:
  - Runs on the server of the share with only the rights of the jobs' owner, to whom the folder and its contents belong.
    Whatever that user puts into it, only that user's own files can be opened here.
  - Only the jobs' owner and the user of sudo may read the result. With C(--check) it changes
    nothing.
options:
  path:
    description: The folder of the result.
    type: str
    required: true
  owner:
    description: User id of the jobs.
    type: int
    required: true
author: csvswarm
"""
EXAMPLES = """
- name: Let me read the result
  processing_job_open_result:
    path: /srv/csvswarm/results/demo
    owner: 8765
"""
RETURN = """
user:
  description: Id of the user who may read the result.
  returned: success
  type: int
"""

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def access_list(user: int, *, folder: bool) -> bytes:
    """Return a POSIX access list: all rights for the owner, read for a user, none for others."""
    full, read = (7, 5) if folder else (6, 4)
    anybody = 0xFFFFFFFF
    entries = ((0x01, full, anybody), (0x02, read, user), (0x04, 0, anybody), (0x10, read, anybody), (0x20, 0, anybody))
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


def let_read(handle: int, user: int) -> None:
    """Let a user read an open file, or an open folder and all files below it. Anything else stays as it is."""
    kind = os.fstat(handle).st_mode
    if not (stat.S_ISDIR(kind) or stat.S_ISREG(kind)):
        return
    os.setxattr(handle, "system.posix_acl_access", access_list(user, folder=stat.S_ISDIR(kind)))
    for name in os.listdir(handle) if stat.S_ISDIR(kind) else []:
        # A link, or already removed: the user who fetches the result verifies that it is complete.
        with suppress(OSError):
            below = open_file(name, handle)
            try:
                let_read(below, user)
            finally:
                os.close(below)


def open_result(path: str, owner: int, user: int) -> bool:
    """Let a user read the result. Returns whether anything changed: root and the owner may read it anyway."""
    if user in (0, owner):
        return False
    with acting_as(owner):
        handle = os.open(path, FOLDER)
        try:
            let_read(handle, user)
        finally:
            os.close(handle)
    return True


def main() -> None:
    """Run as Ansible runs a module."""
    module = AnsibleModule(
        argument_spec={"path": {"type": "str", "required": True}, "owner": {"type": "int", "required": True}},
        supports_check_mode=True,
    )
    user = int(os.environ.get("SUDO_UID", "0"))
    changed = False
    try:
        changed = not module.check_mode and open_result(module.params["path"], module.params["owner"], user)
    except OSError as error:
        module.fail_json(msg=f"user id {user} cannot be allowed to read the result: {error}")
    module.exit_json(changed=changed, user=user)


if __name__ == "__main__":
    main()
