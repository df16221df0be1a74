"""Names of one program while it is being loaded, and the reading of values and expressions."""

from __future__ import annotations

from p4soft.codegen import model as m
from p4soft.codegen.jsonread import Node

_UNARY = {"~", "not", "valid", "valid_union", "d2b", "b2d", "last_stack_index", "size_stack"}
_BINARY = {"+", "-", "*", "/", "%", "<<", ">>", "==", "!=", ">", ">=", "<", "<=", "and", "or", "&", "|", "^"}
_BINARY |= {"two_comp_mod", "usat_cast", "sat_cast"}
_MAX_DEPTH = 400
_HEADERS = (m.HeaderRef, m.LastHeader, m.LastUnionHeader, m.StackElement, m.UnionMember)


class Scope:
    """Everything that can be referred to by name."""

    def __init__(self) -> None:
        self.types: dict[str, m.HeaderType] = {}
        self.headers: dict[str, m.Header] = {}
        self.by_id: dict[int, m.Header] = {}
        self.stacks: dict[str, m.Stack] = {}
        self.unions: dict[str, m.Union] = {}
        self.union_stacks: dict[str, m.UnionStack] = {}
        self.counters: dict[str, m.CounterArray] = {}
        self.meters: dict[str, m.MeterArray] = {}
        self.registers: dict[str, m.RegisterArray] = {}
        self.calculations: dict[str, m.Calculation] = {}

    # references

    def header(self, node: Node) -> m.Header:
        header = self.headers.get(node.text())
        if header is None:
            raise node.fail(f"there is no header {node.raw!r}")
        return header

    def stack(self, node: Node) -> m.Stack:
        stack = self.stacks.get(node.text())
        if stack is None:
            raise node.fail(f"there is no header stack {node.raw!r}")
        return stack

    def union_stack(self, node: Node) -> m.UnionStack:
        stack = self.union_stacks.get(node.text())
        if stack is None:
            raise node.fail(f"there is no header union stack {node.raw!r}")
        return stack

    def member(self, stack: m.UnionStack, node: Node) -> int:
        at = stack.members.get(node.text())
        if at is None:
            raise node.fail(f"{stack.name} has no member {node.raw!r}")
        return at

    def field_of(self, type_: m.HeaderType, node: Node) -> m.FieldDef:
        found = type_.by_name.get(node.text())
        if found is None:
            raise node.fail(f"header type {type_.name} has no field {node.raw!r}")
        return found

    def field(self, node: Node) -> m.FieldRef | m.ValidBit:
        """A (header, field) pair; the header may be an expression."""
        ref: m.Expr = self.value(node[0], []) if isinstance(node[0].raw, dict) else m.HeaderRef(self.header(node[0]))
        if not isinstance(ref, _HEADERS):
            raise node.fail("a header was expected")
        if node[1].text() == "$valid$":
            return m.ValidBit(ref)
        return m.FieldRef(ref, self.field_of(header_type(ref), node[1]))

    def plain_field(self, node: Node) -> m.FieldRef:
        ref = self.field(node)
        if isinstance(ref, m.ValidBit):
            raise node.fail("$valid$ cannot be written to")
        return ref

    # values

    def value(self, node: Node, params: list[int], depth: int = 0) -> m.Expr:
        """A type-value object, or the operator object of an expression."""
        if depth > _MAX_DEPTH:
            raise node.fail(f"the expression is nested more than {_MAX_DEPTH} deep")
        if not node.has("type"):
            return self._operation(node, params, depth)
        kind, value = node["type"].text(), node["value"]
        if kind == "expression":
            return self.value(value, params, depth + 1)
        if kind == "field":
            return self.field(value)
        if kind == "hexstr":
            return m.Const(value.hex())
        if kind == "bool":
            return m.BoolConst(value.boolean())
        if kind in ("local", "runtime_data"):
            index = value.integer()
            if index >= len(params):
                raise node.fail(f"the action has no parameter number {index}")
            return m.Local(index, params[index])
        if kind == "header":
            return m.HeaderRef(self.header(value))
        if kind == "header_stack":
            return m.StackRef(self.stack(value))
        if kind == "header_union":
            union = self.unions.get(value.text())
            if union is None:
                raise value.fail(f"there is no header union {value.raw!r}")
            return m.UnionRef(union)
        if kind == "header_union_stack":
            return m.UnionStackRef(self.union_stack(value))
        if kind == "stack_field":
            stack = self.stack(value[0])
            if value[1].raw == "last" and "last" not in stack.headers[0].type.by_name:
                return m.LastHeader(stack)
            return m.FieldRef(m.LastHeader(stack), self.field_of(stack.headers[0].type, value[1]))
        if kind == "union_stack_field":
            ustack = self.union_stack(value[0])
            at = self.member(ustack, value[1])
            return m.FieldRef(m.LastUnionHeader(ustack, at), self.field_of(ustack.unions[0].members[at].type, value[2]))
        if kind == "lookahead":
            return m.Lookahead(value[0].integer(0, 1 << 20), value[1].integer(1, 1 << 14))
        if kind == "register":
            return m.RegisterCell(self.register(value[0]), self.value(value[1], params, depth + 1))
        raise node.fail(f"a value of type {kind!r} is not supported")

    def register(self, node: Node) -> m.RegisterArray:
        register = self.registers.get(node.text())
        if register is None:
            raise node.fail(f"there is no register array {node.raw!r}")
        return register

    def _operation(self, node: Node, params: list[int], depth: int) -> m.Expr:
        op = node["op"].text()

        def operand(name: str) -> m.Expr:
            return self.value(node[name], params, depth + 1)

        if op in ("+", "-") and not node.has("left"):
            return m.Op(op, m.Const(0), operand("right"))
        if op in _UNARY:
            return m.Op(op, None, operand("right" if node.has("right") else "left"))
        if op in _BINARY:
            return m.Op(op, operand("left"), operand("right"))
        if op == "?":
            return m.Op(op, operand("left"), operand("right"), operand("cond"))
        if op == "dereference_header_stack":
            stack = operand("left")
            if not isinstance(stack, m.StackRef):
                raise node.fail("a header stack was expected on the left")
            return m.StackElement(stack.stack, operand("right"))
        if op == "dereference_union_stack":
            ustack = operand("left")
            if not isinstance(ustack, m.UnionStackRef):
                raise node.fail("a header union stack was expected on the left")
            return m.UnionElement(ustack.stack, operand("right"))
        if op == "access_field":
            header = operand("left")
            if not isinstance(header, _HEADERS):
                raise node.fail("a header was expected on the left")
            fields = header_type(header).fields
            at = self._index(node["right"], len(fields))
            return m.FieldRef(header, fields[at])
        if op == "access_union_header":
            union = operand("left")
            if not isinstance(union, m.UnionRef | m.UnionElement):
                raise node.fail("a header union was expected on the left")
            members = union.union.members if isinstance(union, m.UnionRef) else union.stack.unions[0].members
            return m.UnionMember(union, self._index(node["right"], len(members)))
        raise node.fail(f"operator {op!r} is not supported")

    @staticmethod
    def _index(node: Node, limit: int) -> int:
        return node.integer(0, limit - 1)


def header_type(ref: m.HeaderExpr) -> m.HeaderType:
    """The type of the header an expression denotes."""
    if isinstance(ref, m.HeaderRef):
        return ref.header.type
    if isinstance(ref, m.LastHeader | m.StackElement):
        return ref.stack.headers[0].type
    if isinstance(ref, m.LastUnionHeader):
        return ref.stack.unions[0].members[ref.member].type
    union = ref.union.union if isinstance(ref.union, m.UnionRef) else ref.union.stack.unions[0]
    return union.members[ref.member].type
