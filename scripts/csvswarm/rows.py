"""Former name of `csvswarm.processor_api.Rows`, for one release."""

from csvswarm.reading.rows import Rows

__all__ = ["Rows"]
