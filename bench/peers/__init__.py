"""The works in other tools, one module each: `python -m bench.peers.<tool> WORK INPUT OUTPUT`."""
