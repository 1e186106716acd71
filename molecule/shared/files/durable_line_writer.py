"""Write numbered lines, each durable before the next: durable_line_writer.py FILE ACKNOWLEDGED LINES.

ACKNOWLEDGED gets, for each line that the server has confirmed, its number and how long that took.
"""

import os
import sys
import time
from pathlib import Path

path, acknowledged, lines = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
with path.open("wb", buffering=0) as file, acknowledged.open("w", buffering=1) as notes:
    for number in range(lines):
        started = time.monotonic()
        file.write(f"{number},{'x' * 1000}\n".encode())
        os.fsync(file.fileno())
        print(number, round(time.monotonic() - started, 3), sep=",", file=notes)
        time.sleep(0.05)  # spread over the power cut, instead of done before it
