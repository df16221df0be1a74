"""The P4Runtime server of p4soft.

Layers, outermost first: a transport (:mod:`p4soft.server.rpc` for gRPC, :mod:`p4soft.inprocess` for callers in the same
process), :class:`P4RuntimeService` (RPCs on message objects), the handlers of a loaded pipeline, and the engine of
:mod:`p4soft.api`.
"""

from p4soft.server.errors import Code, RpcError
from p4soft.server.service import P4RuntimeService

__all__ = ["Code", "P4RuntimeService", "RpcError"]
