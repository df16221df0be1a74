"""The log on standard error, for people or one JSON object a line."""

from __future__ import annotations

import json
import logging
import sys

FORMATS = ("text", "json")
_TEXT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class JsonLines(logging.Formatter):
    """Time, level, logger and message of a record, and its ``fields`` where it has some."""

    def format(self, record: logging.LogRecord) -> str:
        from fullnat.app.session_log import stamp

        found = {
            "time": stamp(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **(getattr(record, "fields", None) or {}),
        }
        if record.exc_info:
            found["exception"] = self.formatException(record.exc_info)
        return json.dumps(found, default=str)


def start(level: str, form: str) -> None:
    """Have the log of this process written to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if form == "json" else logging.Formatter(_TEXT))
    logging.basicConfig(level=level.upper(), handlers=[handler])
    logging.raiseExceptions = False  # a log that is full would be told by a traceback each line
    for noisy in ("asyncio", "grpc"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
