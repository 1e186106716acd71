"""Output of ``docker info`` about the swarm, recorded from engines of version 20.10.24.

Expired certificates were issued by the swarm's own CA; managers were stopped to lose the quorum.
"""

from __future__ import annotations

from typing import Any

LEADERLESS = (
    "rpc error: code = Unknown desc = The swarm does not have a leader. It's possible that too few managers are "
    "online. Make sure more than half of the managers are online."
)
EXPIRED = (
    "error while loading TLS certificate in /var/lib/docker/swarm/certificates/swarm-node.crt: certificate (1 - "
    "wgmeb3xf69l4ubrjuxp5p3ji7) not valid after Sun, 30 Aug 2026 00:00:00 UTC, and it is currently Thu, 26 Nov 2026 "
    "14:20:20 UTC: x509: certificate has expired or is not yet valid: "
)
NO_CLUSTER: dict[str, Any] = {"ID": "", "Spec": {"Labels": None, "Orchestration": {}, "CAConfig": {}}}
MANAGERS = [
    {"NodeID": "x1jcx9lb1305a27adufhyrj13", "Addr": "10.99.0.1:2377"},
    {"NodeID": "psdlth14y7xmfo7gkf6a2zuig", "Addr": "10.99.0.2:2377"},
]


def answer(**changes: Any) -> dict[str, Any]:
    """Return the output of a manager of a swarm labelled with the share "id-1", with these changes."""
    return {
        "NodeID": "x1jcx9lb1305a27adufhyrj13",
        "NodeAddr": "10.99.0.1",
        "LocalNodeState": "active",
        "ControlAvailable": True,
        "Error": "",
        "RemoteManagers": MANAGERS,
        "Cluster": {"ID": "dnc97sua11bblkq9hd1sj2not", "Spec": {"Labels": {"csvswarm.cluster": "id-1"}}},
    } | changes


MANAGER = answer()
FOREIGN = answer(Cluster={"ID": "dnc97sua11bblkq9hd1sj2not", "Spec": {"Labels": {}}})
NONE = answer(
    NodeID="", NodeAddr="", LocalNodeState="inactive", ControlAvailable=False, RemoteManagers=None, Cluster=None
)
WORKER = answer(NodeID="jvyxh4kt3udb0dpexua20bkvk", NodeAddr="10.99.0.3", ControlAvailable=False, Cluster=None)
STOPPED = {"NodeID": "", "LocalNodeState": "error", "ControlAvailable": False, "RemoteManagers": None, "Cluster": None}
EXPIRED_MANAGER = answer(**STOPPED, Error=EXPIRED)
# More than half of the managers had just stopped; the engine was restarted since; it had been demoted before.
QUORUM_LOST = answer(Error="rpc error: code = DeadlineExceeded desc = context deadline exceeded", Cluster=NO_CLUSTER)
QUORUM_LOST_BOOTED = answer(LocalNodeState="pending", Error=LEADERLESS, Cluster=NO_CLUSTER)
QUORUM_LOST_DEMOTED = answer(**STOPPED, Error=f"manager stopped: can't initialize raft node: {LEADERLESS}")
LOCKED = answer(LocalNodeState="locked", ControlAvailable=False, RemoteManagers=None, Cluster=None)
