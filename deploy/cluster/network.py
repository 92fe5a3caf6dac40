"""The network namespace in which the cluster lives: nothing leaves it, and nothing of it is seen outside."""

from __future__ import annotations

import subprocess
from pathlib import Path

from deploy.local.server import need

NAME = "dataengine"
PATH = Path("/run/netns") / NAME
NODE_ADDRESS = "10.10.0.2"
_GATEWAY = "10.10.0.1"
_IPROUTE = "the cluster's network is made with it: install the package iproute2"


def make() -> None:
    """Make it, with an address for the node, unless it is there. A device `dummy` is not in every kernel: the address
    sits on one end of a pair."""
    ip = need("ip", _IPROUTE)
    if PATH.exists():
        return
    _run(ip, "netns", "add", NAME)
    inside = (*enter(), ip)
    _run(*inside, "link", "set", "lo", "up")
    _run(*inside, "link", "add", "node", "type", "veth", "peer", "name", "node-peer")
    _run(*inside, "link", "set", "node-peer", "up")
    _run(*inside, "addr", "add", f"{NODE_ADDRESS}/24", "dev", "node")
    _run(*inside, "link", "set", "node", "up")
    # kubelet takes its address from the interface of the default route
    _run(*inside, "route", "add", "default", "via", _GATEWAY, "dev", "node")
    _run(*enter(), "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")


def remove() -> None:
    """Remove it if it is there."""
    if PATH.exists():
        _run(need("ip", _IPROUTE), "netns", "del", NAME)


def enter() -> tuple[str, ...]:
    """What a command is begun with to run inside. Not `ip netns exec`: that mounts /sys anew and hides cgroups."""
    return (need("nsenter", "install the package util-linux"), f"--net={PATH}")


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)
