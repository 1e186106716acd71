"""Runs before all other imports, which take a third of a short run.

Disables garbage collection until `cli.run`, because imported objects are never freed. Keeps OpenBLAS from starting
threads: they would spin idly, and csvswarm runs one worker process per core anyway.
"""

from __future__ import annotations

import gc
import os

gc.disable()
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
