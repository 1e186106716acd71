"""The data plane of csvswarm: split a CSV, process its chunks, collect the result.

The three scripts beside this package are its doors; docs/architecture.md shows the data flow through it.
"""

__version__ = "0.1.0"
