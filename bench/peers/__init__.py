"""The same work in other tools: one file each, run as `python -m bench.peers.<tool> WORK INPUT OUTPUT`."""
