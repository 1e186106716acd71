"""The value that a user passed with -e, unchanged."""

from __future__ import annotations

from typing import Any

from ansible.plugins.lookup import LookupBase
from ansible.utils.vars import load_extra_vars

DOCUMENTATION = """
name: processing_job_given
short_description: Value of a variable as the user passed it
description:
  - Returns the value that was passed with C(-e) as data. Ansible treats such a value as a template, so C({{ 1 + 1 }})
    in a file name or in a spelling of missing values would become 2.
  - A variable that was set elsewhere, in an inventory or a playbook, is a template as usual.
options:
  _terms:
    description: Name of the variable.
    required: true
  default:
    description: Value when the variable is not set.
author: csvswarm
"""
EXAMPLES = """
- ansible.builtin.debug:
    msg: "{{ lookup('processing_job_given', 'input', default='') }}"
"""
RETURN = """
_raw:
  description: The value.
  type: list
"""


class LookupModule(LookupBase):
    """The lookup."""

    def run(self, terms: list[str], variables: dict[str, Any] | None = None, **options: Any) -> list[Any]:
        """Return the value of the one variable."""
        name = str(terms[0])
        given = load_extra_vars(self._loader)
        if name in given:
            return [plain(given[name])]
        found = variables or {}
        return [self._templar.template(found[name]) if name in found else options.get("default")]


def plain(value: Any) -> Any:
    """Return a value without Ansible's origin tags, so that its texts are not treated as templates."""
    if isinstance(value, str):
        return value.encode(errors="surrogatepass").decode(errors="surrogatepass")
    if isinstance(value, dict):
        return {plain(name): plain(inside) for name, inside in value.items()}
    if isinstance(value, list):
        return [plain(inside) for inside in value]
    return value
