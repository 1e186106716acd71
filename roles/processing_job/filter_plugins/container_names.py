"""What the image of a job is made of, and the names and mounts of its containers."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

#: Everything of a clone that goes into the image, besides the settings.
PARTS = (
    *("files/docker/*", "files/processors/*.py", "requirements/image.txt", "requirements/kernel.txt"),
    *("scripts/*.py", "scripts/csvswarm/**/*.py", "scripts/csvswarm/native/src/*.[ch]"),
)
#: What these parts would include, but an image does not: reports are made on the control node.
OUTSIDE = {"report", "report_job.py"}


def processing_job_image(root: str, *settings: str) -> str:
    """Return the image's name, whose tag says what it is made of: the same content has the same name anywhere."""
    digest = hashlib.sha256("\0".join(settings).encode())
    for part in PARTS:
        for path in sorted(Path(root).glob(part)):
            if path.is_file() and not OUTSIDE & {*path.relative_to(root).parts}:
                digest.update(f"\0{path.relative_to(root)}\0{hashlib.sha256(path.read_bytes()).hexdigest()}".encode())
    return f"csvswarm-job:{digest.hexdigest()[:12]}"


def processing_job_archives(kinds: Iterable[str], name: str) -> dict[str, str]:
    """Return the names of an image's archives by architecture."""
    return {kind: f"{name.replace(':', '-')}-{kind}.tar.gz" for kind in kinds}


def processing_job_expected(records: Mapping[str, Mapping[str, str]], name: str) -> dict[str, dict[str, str]]:
    """Return what boards compare an image with by architecture: the archive's name, sha256 and layers."""
    names = processing_job_archives(records, name)
    return {kind: {"name": names[kind], **record} for kind, record in records.items()}


def processing_job_service(job: str, number: int) -> str:
    """Return the name of a round's stack. A job's id may hold what the name of a stack may not, or be too long."""
    plain = job.replace(".", "-").replace("_", "-").rstrip("-")
    if plain != job or len(plain) > 30:
        # The underscore, which no plain name has, keeps these names apart from those.
        plain = f"{plain[:24].rstrip('-')}_{hashlib.sha256(job.encode()).hexdigest()[:8]}"
    return f"csvswarm-{plain}-{number}"


def processing_job_mount(source: str, target: str, *words: str) -> str:
    """Return what docker's --mount takes for a bind: a record of CSV, so a path may hold commas and quotes."""
    fields = ["type=bind", f"source={source}", f"target={target}", *words]
    return ",".join('"' + field.replace('"', '""') + '"' if set(field) & set(',"\r\n') else field for field in fields)


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> dict[str, Callable[..., object]]:
        """Return the filters by name."""
        return {
            "processing_job_archives": processing_job_archives,
            "processing_job_expected": processing_job_expected,
            "processing_job_image": processing_job_image,
            "processing_job_mount": processing_job_mount,
            "processing_job_service": processing_job_service,
        }
