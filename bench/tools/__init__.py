"""Traffic tools in C, compiled on demand (:mod:`bench.tools.build`)."""
