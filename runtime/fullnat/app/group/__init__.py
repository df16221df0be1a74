"""Several switches that are one to the core: of a group one is active, and the others hold what it holds."""
