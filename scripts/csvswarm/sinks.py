"""Former name of `csvswarm.processor_api.EncodedRows`, for one release."""

from csvswarm.processor_api.encoded_rows import EncodedRows as Written

__all__ = ["Written"]
