"""What holds unless the command line says otherwise."""

from __future__ import annotations

ADDRESS = "0.0.0.0:9559"
"""Of the P4Runtime server: the port that IANA has given P4Runtime."""
DEVICE_ID = 1
"""As of most controllers, fullnat among them; simple_switch_grpc has 0."""
CPU_PORT = 255
"""As in fullnat's program; simple_switch_grpc has none."""
