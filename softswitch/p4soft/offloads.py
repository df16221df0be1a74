"""What the log says about the offloads of interfaces: what p4soft makes of them, and what it can make nothing of."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from p4soft.api import Offload, PortStats

_MEANING = {
    Offload.ON: "checksums are finished, super-segments are cut, and packets put together again",
    Offload.RECEIVE: "checksums are finished, super-segments are cut; it does not take any (ethtool -k: "
    "tcp-segmentation-offload)",
    Offload.OFF: "checksums are finished; segments larger than the MTU will be dropped",
    Offload.UNSUPPORTED: "this kernel does not tell about them: packets with unfinished checksums leave as they are, "
    "segments larger than the MTU will be dropped",
}
_SYS = Path("/sys/class/net")
log = logging.getLogger(__name__)


class OffloadLog:
    """``read`` tells the ports' statistics; :meth:`look` is to be called now and then."""

    def __init__(self, read: Callable[[], Sequence[PortStats]]) -> None:
        self._read = read
        self._told: set[tuple[int, str]] = set()
        self._oversize: set[tuple[int, str]] = set()

    def look(self) -> None:
        """Log the state of new ports, and for each port once that it drops what is larger than the MTU."""
        for port in self._read():
            key = (port.port, port.name)
            if port.offload is not Offload.NONE and key not in self._told:
                self._told.add(key)
                level = logging.INFO if port.offload in (Offload.ON, Offload.RECEIVE) else logging.WARNING
                log.log(level, "port %d (%s): offloads %s: %s", *key, port.offload.value, _MEANING[port.offload])
            if port.rx_oversize and key not in self._oversize:
                self._oversize.add(key)
                log.warning("port %d (%s): dropping frames larger than the MTU: %s", *key, remedy(port.name))


def remedy(interface: str) -> str:
    """The commands that keep segments larger than the MTU away from an interface."""
    other = _peer(interface)
    if other is None:
        return f"ethtool -K {interface} gro off lro off"
    return f"ethtool -K {interface} gro off; at its other end: ethtool -K {other} tx off tso off gso off"


def _peer(interface: str) -> str | None:
    """The other end of a veth pair, by its name if that can be seen from here; None for other interfaces."""
    try:
        own, link = ((_SYS / interface / name).read_text().strip() for name in ("ifindex", "iflink"))
        if own == link or (_SYS / interface / "device").exists():
            return None
        for name in _SYS.iterdir():
            if (name / "ifindex").read_text().strip() == link and (name / "iflink").read_text().strip() == own:
                return name.name
    except OSError:
        return None
    return "PEER"
