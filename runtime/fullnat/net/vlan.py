"""Ports with VLANs (IEEE 802.1Q) as numbers: the port in the lower 16 bits, above them what a tag has there.

Such a number stands for an interface wherever switch and controller name a port (``port_num_t`` of the P4 sources): the
VLAN's 12 bits, 0 for untagged frames. A packet-in has the frame's priority in the uppermost four as well, and gets back
what a packet-out has there. Where several switches forward, the controller puts above all that which one it was, from 1
on, and 0 is the only one, or any.
"""

from __future__ import annotations

VLANS = 0, 4094
"""0 is none, and 4095 reserved (802.1Q 9.6)."""
PORT_BITS = 16
_INTERFACE = 0x0FFF_FFFF
_NUMBER_BITS = 32


def interface_number(port: int, vlan: int) -> int:
    return vlan << PORT_BITS | port


def switch_of(number: int) -> int:
    """The switch that a packet came by."""
    return number >> _NUMBER_BITS


def at_switch(number: int, switch: int) -> int:
    """``number``, of a packet of this switch."""
    return switch << _NUMBER_BITS | number


def without_switch(number: int) -> int:
    """As the switch itself has it."""
    return number & (1 << _NUMBER_BITS) - 1


def without_priority(number: int) -> int:
    """The interface of a frame that came in by ``number``."""
    return number & _INTERFACE


def priority(number: int) -> int:
    """The frame's priority and drop eligibility, where they stand in a port's number."""
    return number & ~_INTERFACE


def port_and_vlan(number: int) -> tuple[int, int]:
    return number & (1 << PORT_BITS) - 1, without_priority(number) >> PORT_BITS


def interface_word(number: int) -> str:
    """As rules and commands name it: PORT, or PORT.VLAN."""
    port, vlan = port_and_vlan(number)
    return f"{port}.{vlan}" if vlan else str(port)


def interface_text(number: int) -> str:
    """For people."""
    port, vlan = port_and_vlan(number)
    return f"{port} VLAN {vlan}" if vlan else str(port)
