"""Runs single packets through a program in Python, to tell what would become of them, and changes nothing."""
