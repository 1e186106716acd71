"""The native kernel: per-byte and per-value work, in C.

Each function replaces Python code, which remains as the fallback: a function may decline unusual data, and without the
library everything works, only slower. docs/native.md explains how to build and disable it.
"""
