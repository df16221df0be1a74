"""gRPC channels for programs without an event loop: one place for their options."""

from __future__ import annotations

from typing import Any

import grpc

OPTIONS: tuple[tuple[str, Any], ...] = (
    ("grpc.max_receive_message_length", -1),  # BMv2 answers a read of a whole table in one message
    ("grpc.max_send_message_length", -1),
    ("grpc.max_metadata_size", 16 << 20),  # the details of a failed batch travel in a trailer
    ("grpc.absolute_max_metadata_size", 16 << 20),
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.enable_retries", 0),
)


def connect_blocking(address: str) -> grpc.Channel:
    """A channel in plain text to ``address`` (host:port or unix:path)."""
    return grpc.insecure_channel(address, options=OPTIONS)
