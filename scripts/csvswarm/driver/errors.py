"""The ways in which a job ends without a result."""

from __future__ import annotations


class JobFailed(Exception):
    """The job cannot succeed. The message is for the user.

    hint: "resume" when the job can be resumed after the cause is fixed, "new_job" when it would fail in the same way,
    None when the message itself names the remedy.
    """

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


class Stopped(BaseException):
    """The container must stop. Not an Exception, so that only the driver's main function handles it."""
