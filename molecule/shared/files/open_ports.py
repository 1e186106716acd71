"""Print which of a machine's TCP ports accept connections: open_ports.py ADDRESS PORT..."""

import socket
import sys
from concurrent.futures import ThreadPoolExecutor


def is_open(address: str, port: int) -> bool:
    """Return whether a connection succeeds within two seconds."""
    try:
        with socket.create_connection((address, port), timeout=2):
            return True
    except OSError:
        return False


address, ports = sys.argv[1], [int(port) for port in sys.argv[2:]]
with ThreadPoolExecutor(64) as pool:
    found = pool.map(lambda port: is_open(address, port), ports)
print(*(port for port, is_it in zip(ports, found, strict=True) if is_it))
