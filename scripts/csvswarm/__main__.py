"""`python -m csvswarm`, for a clone where the command is not installed."""

import sys
from importlib import import_module

sys.exit(import_module("csvswarm.local.command").main())
