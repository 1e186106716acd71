"""Processors whose attempts block until the test releases them, so that faults hit the intended moment."""

from __future__ import annotations

#: On boards an attempt writes a file `blocked-CHUNK-BOARD-ATTEMPT`, and waits for a file go-all, go-CHUNK or go-ATTEMPT
#: in the job's directory. On one machine it does not block.
_WAIT = """
import os, socket, sys, time
from contextlib import suppress
from pathlib import Path

def job():
    return Path(next(word for word in sys.argv if word.startswith("--job="))[6:])

def is_released(chunk):
    with suppress(OSError):
        return any((job() / f"go-{name}").exists() for name in ("all", chunk, os.environ["CSVSWARM_ATTEMPT"]))

def wait_for_release(chunk):
    if "CSVSWARM_ATTEMPT" in os.environ and not is_released(chunk):
        (job() / f"blocked-{chunk}-{socket.gethostname()}-{os.environ['CSVSWARM_ATTEMPT']}").touch()
        while not is_released(chunk):
            time.sleep(0.2)
"""
#: Some rows and columns of the sample, a result of about 500 kB.
BLOCKING = f"""{_WAIT}
def process(block, context):
    wait_for_release(context.chunk)
    return block[block["distance"] > 500][["carrier", "flight", "distance", "time_hour"]]
"""
#: The same, and the containers that split and collect wait as well: each leaves a file waits-split or waits-collect
#: and continues when there is a file go-split or go-collect.
BLOCKING_ENDS = f"""{_WAIT}
import pandas as pd

def wait_at(name):
    if not Path("/srv/csvswarm").exists():
        return
    (job() / f"waits-{{name}}").touch()
    while not (job() / f"go-{{name}}").exists():
        time.sleep(0.2)

if "split_dataframe.py" in sys.argv[0]:
    wait_at("split")

def process(block, context):
    wait_for_release(context.chunk)
    return block[["carrier"]].drop_duplicates()

def combine(partials, context):
    if "collect_results.py" in sys.argv[0]:
        wait_at("collect")
    return pd.concat(partials).drop_duplicates().sort_values("carrier")
"""
#: Its partials are small, but its `combine` allocates memory until no board has enough.
GREEDY_AT_THE_END = f"""{_WAIT}
import numpy
import pandas as pd

def process(block, context):
    return block[["carrier"]].drop_duplicates()

def combine(partials, context):
    taken = []
    while not go():
        taken.append(numpy.ones(50_000_000, dtype="uint8"))
    return pd.concat(partials).drop_duplicates().sort_values("carrier")

def go():
    return not Path("/srv/csvswarm").exists() or (job() / "go-end").exists()
"""
#: In chunk 1 the first attempt, and in chunk 2 every attempt, takes 300 MB more than the program needs.
GREEDY = f"""{_WAIT}
import numpy

def process(block, context):
    wait_for_release(context.chunk)
    if "CSVSWARM_ATTEMPT" in os.environ and greedy(context.chunk):
        numpy.ones(300_000_000, dtype="uint8").sum()
    return block[["carrier", "flight"]]

def greedy(chunk):
    tried = job() / f"tried-{{chunk}}"
    first = not tried.exists()
    tried.touch()
    return chunk == 2 or (chunk == 1 and first)
"""
