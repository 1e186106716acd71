"""`csvswarm.run`: a job on this machine as a function, for programs and notebooks."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from csvswarm.errors import CsvswarmError
from csvswarm.local.run_command import run_command

if TYPE_CHECKING:
    import pandas as pd

_Path = str | os.PathLike[str]
#: Options with the values true and false; other boolean options are flags.
_TRUE_OR_FALSE = ("header", "trailing_delimiter")
#: Options that are repeated for each element of a list.
_REPEATED = {"files": "file"}


@dataclass(frozen=True)
class Result:
    """The result of a job.

    path: the file with the result. job_id: name of the job. job_directory: its job directory. report: the report, an
    HTML page, None if it could not be written. rejected: the file of rejected records, None if there are none.
    warnings: what you may not have intended, one sentence each.
    """

    path: Path
    job_id: str
    job_directory: Path
    report: Path | None
    rejected: Path | None
    warnings: list[str]

    @cached_property
    def job(self) -> dict[str, Any]:
        """The record of the job, job.json: docs/job-directory.md describes it."""
        record: dict[str, Any] = json.loads((self.path.parent / "job.json").read_text())
        return record

    def to_pandas(self, **options: Any) -> pd.DataFrame:
        """Return the result as a DataFrame. options: arguments of the pandas function that reads it.

        Raises CsvswarmError for a format that pandas cannot read.
        """
        import pandas as pd

        readers: dict[tuple[str, ...], Callable[..., Any]] = {
            (".csv", ".csv.gz", ".csv.zst"): pd.read_csv,
            (".jsonl",): lambda path, **more: pd.read_json(path, lines=True, **more),
            (".parquet",): pd.read_parquet,
            (".xlsx",): pd.read_excel,
        }
        for suffixes, reader in readers.items():
            if self.path.name.endswith(suffixes):
                frame: pd.DataFrame = reader(self.path, **options)
                return frame
        raise CsvswarmError(f"{self.path} is not in a format that to_pandas reads: open it with another library.")


def run(
    input: _Path | Sequence[_Path],  # noqa: A002 - as run_job.yml names it
    processor: _Path = "statistics",
    *,
    options: Mapping[str, Any] | None = None,
    output: _Path | None = None,
    job_id: str | None = None,
    jobs: _Path = "jobs",
    workers: int | str = "auto",
    **settings: Any,
) -> Result:
    """Run a job on this machine, and return its result.

    Args:
        input: the CSV file.
        processor: name of a built-in processor, or path of a Python file.
        options: options of the processor.
        output: directory of the result; `results/JOB_ID` by default.
        job_id: name of the job. An existing job is resumed; a new one is named after the time.
        jobs: directory of the job directories.
        workers: number of worker processes, or `auto`.
        settings: the other variables of a job, as in docs/job-variables.md: `files`, `requirements`, `chunks`,
            `on_error`, `limit`, `header`, `column_types`, `incremental` and so on.

    Returns:
        The result. Rejected records and warnings are not errors.

    Raises:
        OptionError: a setting, or an option of the processor, is invalid.
        InputError: the input cannot be read.
        JobError: the job cannot be created or resumed.
        ProcessorError: the processor cannot be loaded.
        CsvswarmError: any other reason, such as a failed chunk.
    """
    arguments = arguments_of({"processor": processor, "options": dict(options) if options else None, **settings})
    arguments += arguments_of({"output": output, "job_id": job_id, "jobs": jobs, "workers": workers})
    inputs = [input] if isinstance(input, str | os.PathLike) else list(input)
    done = run_command(inputs, arguments)
    return result_of(done["job_id"], Path(jobs).expanduser().absolute() / done["job_id"], done)


def result_of(job_id: str, directory: Path, done: Mapping[str, Any]) -> Result:
    """Return the result of a job from the summaries of its stages."""
    collected, report = done["collect"], done["report"]
    rejected = collected["rejected_file"]
    return Result(
        path=Path(collected["result"]),
        job_id=job_id,
        job_directory=directory,
        report=Path(report) if report else None,
        rejected=Path(rejected) if rejected else None,
        warnings=list(collected["warnings"]),
    )


def arguments_of(settings: Mapping[str, Any]) -> list[str]:
    """Return settings by their Python names as arguments of split_dataframe.py."""
    return [argument for name, value in settings.items() for argument in _argument(name, value)]


def _argument(name: str, value: Any) -> list[str]:
    flag = f"--{_REPEATED.get(name, name).replace('_', '-')}"
    if value is None or (value is False and name not in _TRUE_OR_FALSE):
        return []
    if name in _REPEATED:
        values = [value] if isinstance(value, str | os.PathLike) else list(value)
        return [f"{flag}={os.fspath(one)}" for one in values]
    if value is True and name not in _TRUE_OR_FALSE:
        return [flag]
    if isinstance(value, str | os.PathLike):
        return [f"{flag}={os.fspath(value)}"]
    return [f"{flag}={json.dumps(value)}"]
