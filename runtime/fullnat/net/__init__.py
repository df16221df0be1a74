"""Packets as bytes: addresses and flows, checksums, headers. No I/O, and nothing of the controller."""
