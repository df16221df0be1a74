"""Messages of etcd's API, version 3 (``etcd.proto``)."""

from __future__ import annotations

from typing import Any

from fullnat.etcd.v3 import etcd_pb2

pb: Any = etcd_pb2
"""They are made when it is loaded, so that mypy knows none of them."""
