"""Packet tests of the P4 program: the same suite on every target."""
