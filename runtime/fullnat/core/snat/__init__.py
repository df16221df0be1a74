"""Hosts inside on their way out: rules, public ports and blocks of them."""
