"""The asyncio shell around the controller core: the only place that waits, reads the clock or opens a socket."""
