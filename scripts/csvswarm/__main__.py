"""`python -m csvswarm`, for a clone where the command is not installed."""

import sys
from importlib import import_module
from pathlib import Path

if not sys.flags.safe_path:
    # Instead of the current directory, whose files must not replace modules of Python.
    sys.path[0] = str(Path(__file__).resolve().parents[1])
import_module("csvswarm.local.command").main()
