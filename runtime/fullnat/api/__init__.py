"""The admin API: one table of calls (:mod:`fullnat.api.calls`), spoken as gRPC and as JSON over HTTP on one socket."""
