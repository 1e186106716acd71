"""The native kernel: what looks at every byte or value, in C.

Each function stands in for Python code that stays: it may decline what is unusual, and where there is no library at all
everything works as well, only slower. docs/native.md says how it is built and switched off.
"""
