"""The status page: files that a browser gets as they are, and that ask the API for all they show."""

from __future__ import annotations

from importlib import resources
from typing import NamedTuple


class File(NamedTuple):
    name: str
    content: str
    """Its media type."""

    @property
    def body(self) -> bytes:
        return resources.files(__name__).joinpath(self.name).read_bytes()


FILES = {
    "/": File("index.html", "text/html; charset=utf-8"),
    "/page.js": File("page.js", "text/javascript; charset=utf-8"),
    "/parts.js": File("parts.js", "text/javascript; charset=utf-8"),
    "/page.css": File("page.css", "text/css; charset=utf-8"),
}
"""By path."""
HEADERS = (
    "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "form-action 'none'; frame-ancestors 'none'; base-uri 'none'\r\n"
    "X-Content-Type-Options: nosniff\r\n"
    "Referrer-Policy: no-referrer\r\n"
    "Cache-Control: no-cache\r\n"
)
"""Nothing comes from elsewhere, and nobody frames it."""
