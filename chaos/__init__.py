"""Kills, pauses, partitions, slow links and clocks that jump, on a real cluster under traffic, and whether anything was
lost by them: ``python -m chaos``."""
