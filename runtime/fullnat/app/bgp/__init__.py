"""Announcing switches that forward, and withdrawing those that do not, by BGP speakers beside them (docs/bgp.md)."""
