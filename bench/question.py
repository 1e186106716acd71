"""One question of the benchmark."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from string import Template
from typing import Any

from bench.files import File


@dataclass(frozen=True)
class Question:
    """A question. processor: of csvswarm, with its options. compared: columns of csvswarm's answer to compare.

    files: side files of csvswarm, relative to the clone, where all tools run. is_random: every tool draws other
    records, so that only the numbers of rows and columns are compared.
    """

    name: str
    file: File
    processor: str
    options: Mapping[str, Any]
    polars: str | None
    duckdb: str | None
    pandas: str | None
    compared: Sequence[str] = field(default=())
    files: Sequence[str] = field(default=())
    is_random: bool = False

    def with_parameters(self, parameters: Mapping[str, str]) -> Question:
        """Return the question with the values of its parameters."""

        def fill(value: Any) -> Any:
            if isinstance(value, str):
                return Template(value).substitute(parameters)
            if isinstance(value, Mapping):
                return {fill(key): fill(one) for key, one in value.items()}
            return [fill(one) for one in value] if isinstance(value, (list, tuple)) else value

        texts = {name: fill(getattr(self, name)) for name in ("polars", "duckdb", "pandas")}
        if texts["duckdb"]:  # the sum of no values is missing in SQL, and 0 elsewhere
            texts["duckdb"] = re.sub(r"\bsum\((\w+)\)", r"coalesce(sum(\1), 0)", texts["duckdb"])
        return dataclasses.replace(self, options=fill(self.options), **texts)
