"""Integers wider than 128 bits: C value types of 64-bit limbs, least significant first.

A container of 64, 128 or 64*n bits holds a value modulo 2**width, signed values in two's complement. The limb code is
written out without loops, so that the C compiler keeps limbs in registers.
"""

from __future__ import annotations


def c_type(width: int) -> str:
    """The C type of a container."""
    if width == 64:
        return "uint64_t"
    if width == 128:
        return "p4u128"
    return f"w{width // 64}"


def container(low: int, high: int) -> int:
    """The width of the smallest container for low..high; signed if ``low`` is negative."""
    bits = high.bit_length() if low >= 0 else max(high.bit_length(), (-low - 1).bit_length()) + 1
    return max(64, (bits + 63) // 64 * 64)


def literal(value: int, width: int) -> str:
    """A constant in a container."""
    value &= (1 << width) - 1
    words = [(value >> shift) & 0xFFFFFFFFFFFFFFFF for shift in range(0, width, 64)]
    if width == 64:
        return f"UINT64_C({words[0]:#x})"
    if width == 128:
        return f"P4_U128(UINT64_C({words[1]:#x}), UINT64_C({words[0]:#x}))"
    return f"(w{width // 64}){{{{" + ", ".join(f"UINT64_C({w:#x})" for w in words) + "}}"


def convert(code: str, source: int, target: int, signed: bool) -> str:
    """A value of one container in another: extended by its sign if ``signed``, or cut."""
    if source == target:
        return code
    if source == 64:
        if target == 128:
            return f"((p4u128)(p4i128)(int64_t)({code}))" if signed else f"((p4u128)({code}))"
        return f"w{target // 64}_{'s' if signed else 'u'}({code})"
    if source == 128:
        if target == 64:
            return f"((uint64_t)({code}))"
        return f"w{target // 64}_{'ss' if signed else 'uu'}({code})"
    if target == 64:
        return f"(({code}).l[0])"
    if target == 128:
        return f"w{source // 64}_lo({code})"
    return f"w{source // 64}_to{target // 64}_{'s' if signed else 'u'}({code})"


def _function(result: str, name: str, args: str, body: str) -> str:
    return f"P4_INLINE {result} {name}({args}) {{ {body} }}\n"


def helpers(n: int) -> str:
    """The C type w<n> and its operations."""
    type_ = f"typedef struct {{ uint64_t l[{n}]; }} w{n};\n"
    return "".join([type_, *_widened(n), *_bitwise(n), *_sums(n), *_comparisons(n), *_shifts(n), _division(n)])


def _init(n: int, items: list[str]) -> str:
    return f"return (w{n}){{{{" + ", ".join(items) + "}};"


def _widened(n: int) -> list[str]:
    """From narrower containers, and back."""
    t = f"w{n}"
    fill = "const uint64_t f = (uint64_t)((int64_t)a >> 63); "
    wide_fill = "const uint64_t f = (uint64_t)((p4i128)a >> 127); "
    halves = ["(uint64_t)a", "(uint64_t)(a >> 64)"]
    return [
        _function(t, f"{t}_u", "uint64_t a", _init(n, ["a"] + ["0"] * (n - 1))),
        _function(t, f"{t}_s", "uint64_t a", fill + _init(n, ["a"] + ["f"] * (n - 1))),
        _function(t, f"{t}_uu", "p4u128 a", _init(n, halves + ["0"] * (n - 2))),
        _function(t, f"{t}_ss", "p4u128 a", wide_fill + _init(n, halves + ["f"] * (n - 2))),
        _function("p4u128", f"{t}_lo", f"{t} a", "return P4_U128(a.l[1], a.l[0]);"),
        _function("bool", f"{t}_neg", f"{t} a", f"return a.l[{n - 1}] >> 63;"),
    ]


def _bitwise(n: int) -> list[str]:
    t = f"w{n}"
    both = [
        _function(t, f"{t}_{name}", f"{t} a, {t} b", _init(n, [f"a.l[{i}] {op} b.l[{i}]" for i in range(n)]))
        for name, op in (("and", "&"), ("or", "|"), ("xor", "^"))
    ]
    return [*both, _function(t, f"{t}_not", f"{t} a", _init(n, [f"~a.l[{i}]" for i in range(n)]))]


def _sums(n: int) -> list[str]:
    t, limbs = f"w{n}", range(n)
    result = _init(n, [f"r[{i}]" for i in limbs])
    added = " ".join(f"c += (p4u128)a.l[{i}] + b.l[{i}]; r[{i}] = (uint64_t)c; c >>= 64;" for i in limbs)
    steps = []
    for i in limbs:
        steps.append("c = 0;")
        steps += [
            f"c += (p4u128)a.l[{i}] * b.l[{j}] + r[{i + j}]; r[{i + j}] = (uint64_t)c; c >>= 64;" for j in range(n - i)
        ]
    product = f"p4u128 c; uint64_t r[{n}] = {{0}}; " + " ".join(steps) + " " + result
    return [
        _function(t, f"{t}_add", f"{t} a, {t} b", f"p4u128 c = 0; uint64_t r[{n}]; {added} {result}"),
        _function(t, f"{t}_sub", f"{t} a, {t} b", f"return {t}_add({t}_add(a, {t}_not(b)), {t}_u(1));"),
        _function(t, f"{t}_mul", f"{t} a, {t} b", product),
    ]


def _comparisons(n: int) -> list[str]:
    t, limbs = f"w{n}", range(n)
    same = "return (" + " | ".join(f"(a.l[{i}] ^ b.l[{i}])" for i in limbs) + ") == 0;"
    less = "".join(f"if (a.l[{i}] != b.l[{i}]) return a.l[{i}] < b.l[{i}]; " for i in reversed(limbs))
    signed = f"return {t}_neg(a) != {t}_neg(b) ? {t}_neg(a) : {t}_ult(a, b);"
    return [
        _function("bool", f"{t}_eq", f"{t} a, {t} b", same),
        _function("bool", f"{t}_ult", f"{t} a, {t} b", less + "return false;"),
        _function("bool", f"{t}_slt", f"{t} a, {t} b", signed),
    ]


def _division(n: int) -> str:
    """Bit by bit; by zero it is zero."""
    t = f"w{n}"
    return _function(
        t,
        f"{t}_divmod",
        f"{t} a, {t} b, bool rest",
        f"{t} q = {{{{0}}}}, r = {{{{0}}}}; if ({t}_eq(b, q)) return q; "
        f"for (int i = {64 * n - 1}; i >= 0; i--) {{ r = {t}_shl(r, 1); r.l[0] |= a.l[i >> 6] >> (i & 63) & 1; "
        f"if (!{t}_ult(r, b)) {{ r = {t}_sub(r, b); q.l[i >> 6] |= UINT64_C(1) << (i & 63); }} }} "
        "return rest ? r : q;",
    )


def _shifts(n: int) -> list[str]:
    t, limbs = f"w{n}", range(n)
    items = ", ".join(f"a.l[{i}]" for i in limbs)
    zeros, ones = ", ".join(["0"] * n), ", ".join(["f"] * n)
    left = ", ".join(f"p[{i}] << b | (p[{i - 1}] >> 1) >> (63 - b)" for i in limbs)
    right = ", ".join(f"p[{i}] >> b | (p[{i + 1}] << 1) << (63 - b)" for i in limbs)
    common = "const unsigned b = (unsigned)s & 63;"
    return [
        _function(
            t,
            f"{t}_shl",
            f"{t} a, uint64_t s",
            f"if (s >= {64 * n}) return ({t}){{{{0}}}}; {common} const uint64_t x[] = {{{zeros}, {items}}}; "
            f"const uint64_t *p = x + {n} - (s >> 6); return ({t}){{{{{left}}}}};",
        ),
        _function(
            t,
            f"{t}_shr",
            f"{t} a, uint64_t s",
            f"if (s >= {64 * n}) return ({t}){{{{0}}}}; {common} const uint64_t x[] = {{{items}, {zeros}}}; "
            f"const uint64_t *p = x + (s >> 6); return ({t}){{{{{right}}}}};",
        ),
        _function(
            t,
            f"{t}_sar",
            f"{t} a, uint64_t s",
            f"const uint64_t f = {t}_neg(a) ? ~UINT64_C(0) : 0; if (s >= {64 * n}) s = {64 * n - 1}; {common} "
            f"const uint64_t x[] = {{{items}, {ones}}}; const uint64_t *p = x + (s >> 6); "
            f"return ({t}){{{{{right}}}}};",
        ),
    ]


def conversions(widths: list[int]) -> str:
    """Conversions between all pairs of wide containers, given in limbs."""
    out = []
    for a in widths:
        for b in widths:
            if a == b:
                continue
            common = [f"a.l[{i}]" for i in range(min(a, b))]
            for kind, fill in (("u", "0"), ("s", "f")):
                items = ", ".join(common + [fill] * (b - len(common)))
                sign = f"const uint64_t f = w{a}_neg(a) ? ~UINT64_C(0) : 0; (void)f; " if kind == "s" else ""
                body = f"{sign}return (w{b}){{{{{items}}}}};"
                out.append(_function(f"w{b}", f"w{a}_to{b}_{kind}", f"w{a} a", body))
    return "".join(out)
