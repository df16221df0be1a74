"""gRPC's calls over HTTP/2 (RFC 9113), the client's side, on one asyncio loop without a thread.

Folders know only what lies below them: :mod:`dial` makes a :class:`~connection.Connection`, which carries
:class:`~call.Call` objects.
"""
