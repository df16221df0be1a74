"""What makes packages of this project: ``make deb`` and ``make wheel``."""
