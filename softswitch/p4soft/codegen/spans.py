"""The bounds of values, by which the code generator chooses their containers."""

from __future__ import annotations

from p4soft.api import PipelineError
from p4soft.codegen import model as m

_MAX_SHIFT = 1 << 13
MAX_WIDTH = 1 << 14
COMPARISONS = {"==", "!=", "<", "<=", ">", ">="}
BOOL_OPS = COMPARISONS | {"and", "or", "not", "valid", "valid_union", "d2b"}


class Spans:
    """Remembers those of operators."""

    def __init__(self) -> None:
        self._known: dict[m.Expr, tuple[int, int]] = {}

    def of(self, e: m.Expr) -> tuple[int, int]:
        """The smallest and largest value of e."""
        if isinstance(e, m.Const):
            return e.value, e.value
        if isinstance(e, m.Local | m.Lookahead):
            return 0, (1 << e.bits) - 1
        if isinstance(e, m.FieldRef):
            bits = e.field.bits
            return (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if e.field.signed else (0, (1 << bits) - 1)
        if isinstance(e, m.ValidBit | m.BoolConst):
            return 0, 1
        if isinstance(e, m.RegisterCell):
            return 0, (1 << e.register.bits) - 1
        if isinstance(e, m.Op):
            if e not in self._known:
                self._known[e] = self._of_op(e)
            return self._known[e]
        raise PipelineError(f"{type(e).__name__} is used as a number")

    def _of_op(self, e: m.Op) -> tuple[int, int]:
        op = e.op
        if op in BOOL_OPS or op == "b2d":
            return 0, 1
        if op in ("last_stack_index", "size_stack"):
            return -1, 1 << 16
        if op in ("two_comp_mod", "sat_cast", "usat_cast"):
            bits = constant_width(e)
            return (0, (1 << bits) - 1) if op == "usat_cast" else (-(1 << (bits - 1)), (1 << (bits - 1)) - 1)
        if e.right is None:
            raise PipelineError(f"operator {op!r} lacks an operand")
        rl, rh = self.of(e.right)
        if op == "~":
            return -rh - 1, -rl - 1
        if e.left is None:
            raise PipelineError(f"operator {op!r} lacks an operand")
        ll, lh = self.of(e.left)
        if op == "+":
            return ll + rl, lh + rh
        if op == "-":
            return ll - rh, lh - rl
        if op == "*":
            corners = [ll * rl, ll * rh, lh * rl, lh * rh]
            return min(corners), max(corners)
        if op == "/":
            return min(ll, -lh, 0), max(lh, -ll, 0)
        if op == "%":
            return min(ll, 0), max(0, min(max(lh, -ll), max(abs(rl), abs(rh))))
        if op == "<<":
            low, high = max(0, rl), min(max(0, rh), _MAX_SHIFT)
            return min(ll << low, ll << high), max(lh << low, lh << high)
        if op == ">>":
            low, high = min(max(0, rl), MAX_WIDTH), min(max(0, rh), MAX_WIDTH)
            return min(ll >> low, ll >> high), max(lh >> low, lh >> high)
        if op == "&":
            if ll >= 0 and rl >= 0:
                return 0, min(lh, rh)
            if ll >= 0 or rl >= 0:
                return 0, lh if ll >= 0 else rh
        if op in ("&", "|", "^"):
            bits = max(abs(v).bit_length() for v in (ll, lh, rl, rh))
            return (0 if ll >= 0 and rl >= 0 else -(1 << bits)), (1 << bits) - 1
        if op == "?":
            return min(ll, rl), max(lh, rh)
        raise PipelineError(f"operator {op!r} is not supported")


def constant_width(e: m.Op) -> int:
    """The bits that a value is cut or extended to, which p4c gives as an operand."""
    if not isinstance(e.right, m.Const) or not 1 <= e.right.value <= MAX_WIDTH:
        raise PipelineError(f"the width of {e.op} has to be a constant")
    return e.right.value
