"""The forwarding engine: compiles a BMv2 JSON to native code and runs it on a thread of its own."""

from p4soft.engine.native import NativeEngine

__all__ = ["NativeEngine"]
