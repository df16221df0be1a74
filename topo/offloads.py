"""Switch off the offloads of an interface by the ethtool ioctl.

Between veth ends the kernel passes packets with unfinished checksums and of up to 64 kB. p4soft takes them; BMv2 would
forward exactly those. With transmit checksums and segmentation off, what leaves a host is what a wire would carry.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import socket
import struct

_SIOCETHTOOL = 0x8946
_OFF = {"tx checksum": 0x17, "TSO": 0x1F, "GSO": 0x24, "GRO": 0x2C}


def disable(interface: str) -> None:
    """Switch transmit checksum, TSO, GSO and GRO off on an interface of the calling thread's namespace."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for name, command in _OFF.items():
            value = ctypes.create_string_buffer(struct.pack("=II", command, 0))
            request = struct.pack("16sP", interface.encode(), ctypes.addressof(value)).ljust(40, b"\0")
            try:
                fcntl.ioctl(sock, _SIOCETHTOOL, request)
            except OSError as error:
                if error.errno != errno.EOPNOTSUPP:
                    raise OSError(error.errno, f"cannot switch {name} off on {interface}: {error.strerror}") from error
