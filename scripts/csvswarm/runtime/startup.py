"""What the scripts do before anything else is imported: a third of a short run is its imports.

Garbage is not collected until `cli.run`: everything that is imported stays anyway. OpenBLAS starts no threads, which
would wait in a loop for work that hardly any processor has; workers are processes, one for each core.
"""

from __future__ import annotations

import gc
import os

gc.disable()
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
