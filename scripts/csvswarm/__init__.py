"""The data plane of csvswarm: split a CSV, process its chunks, collect the result.

The three scripts beside this package are its doors; docs/architecture.md shows the data flow through it.
"""

#: Semantic version of the newest released section of CHANGELOG.md.
__version__ = "0.4.0"
