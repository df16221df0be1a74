"""``fullnat top``: the status page on a terminal, with the keys of top and htop."""
