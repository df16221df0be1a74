"""Action profiles and selectors: loading them, and running the action that an entry refers to.

The members of a profile are the entries of a table of its own, which no pipeline applies, with the member's id as key;
the groups are a second one, whose entries own lists of member ids. So an entry refers to both by id, and a reference
to what is gone finds nothing.
"""

from __future__ import annotations

from p4soft.codegen import model as m
from p4soft.codegen.expr import Expressions
from p4soft.codegen.hashing import calculation
from p4soft.codegen.jsonread import Node
from p4soft.codegen.load_inputs import calculation_inputs
from p4soft.codegen.scope import Scope

_MEMBER_LIST = m.ActionDef("(members)", -1, [64], [])
_ANY_SIZE = 1 << 16
"""Room for members when the program names no size."""
_MORE_GROUPS = 1024
"""Groups there may be beyond the number of members and entries."""


def load_profile(node: Node, scope: Scope, program: m.ProgramDef) -> None:
    """One item of ``action_profiles``; its tables are to be loaded after it."""
    name = node["name"].text()
    if name in program.profiles:
        raise node.fail(f"a second action profile {name!r}")
    size = node["max_size"].integer(0, 1 << 24) if node.has("max_size") else 0
    selector = None
    if node.has("selector"):
        given = node["selector"]
        selector = m.Calculation(f"{name} selector", given["algo"].text(), calculation_inputs(given, scope))
    room = 2 * size or _ANY_SIZE
    members = own_table(name, program, room, [])
    groups = None
    if selector is not None:
        groups = own_table(f"{name} groups", program, room + _MORE_GROUPS, [_MEMBER_LIST])
        groups.lists = True
    program.profiles[name] = m.ProfileDef(name, size, members, groups, selector)


def own_table(
    name: str, program: m.ProgramDef, size: int, actions: list[m.ActionDef], key_bits: int = 32
) -> m.TableDef:
    """A table that no pipeline applies, with one number as key: for what is kept as the entries of a table."""
    table = m.TableDef(
        name=name,
        index=len(program.tables),
        match_type="exact",
        key=[m.KeyField("id", "exact", m.Const(0), key_bits, None)],
        actions=actions,
        size=size,
        with_counters=False,
        support_timeout=False,
        direct_meter=None,
        next_by_action={},
        next_hit=None,
        next_miss=None,
        has_hit=False,
        has_miss=False,
        base_next=None,
        default_action=None,
        default_params=[],
        const_default=False,
        entries=[],
    )
    program.tables.append(table)
    return table


def attach(node: Node, table: m.TableDef, program: m.ProgramDef) -> None:
    """Give the table the profile that it names, and the profile the table's actions, by name."""
    kind = node["type"].text()
    if kind not in ("indirect", "indirect_ws"):
        raise node.fail(f"a table of type {kind!r} is not supported")
    profile = program.profiles.get(node["action_profile"].text())
    if profile is None:
        raise node.fail(f"there is no action profile {node['action_profile'].raw!r}")
    if (kind == "indirect_ws") != (profile.selector is not None):
        raise node.fail(f"a table of type {kind!r} does not fit the action profile {profile.name!r}")
    if node.has("entries") or node.has("default_entry"):
        raise node.fail("a table with an action profile cannot have entries or a default action of its own")
    for action in table.actions:
        known = next((a for a in profile.members.actions if a.name == action.name), None)
        if known is None:
            profile.members.actions.append(action)
        elif known.params != action.params:
            raise node.fail(f"{action.name} has other parameters in another table with the profile {profile.name!r}")
    if profile.groups is not None:
        profile.groups.size += table.size
    table.profile = profile


def resolve(profile: m.ProfileDef, params: list[str], ex: Expressions, absent: str) -> list[str]:
    """C statements that turn ``e``, an entry of a table with the profile, into that of the member it refers to.

    ``params`` is the C code of the reference's parameters, ``absent`` the jump to where a reference to nothing leads.
    """
    out = [f"uint32_t member = (uint32_t)({params[0]});"]
    if profile.groups is not None and profile.selector is not None:
        out += [
            "if (p4s_action(e) != 0) {",
            f"const struct p4s_list *const list = p4s_list_of(&c->objects.tables[{profile.groups.index}], member);",
            f"if (P4_UNLIKELY(list == NULL || list->count == 0)) {absent}",
            "uint64_t chosen;",
            *calculation(profile.selector, ex, "chosen"),
            # As wide as BMv2's hash_t.
            "member = list->members[(uint32_t)chosen % list->count];",
            "}",
        ]
    return [
        *out,
        f"e = p4s_by_id(&c->objects.tables[{profile.members.index}], member);",
        f"if (P4_UNLIKELY(e == NULL)) {absent}",
    ]


def member_actions(table: m.TableDef, profile: m.ProfileDef) -> list[tuple[int, m.ActionDef]]:
    """The number that a member has its action by, and the action as this table uses it."""
    own = {a.name: a for a in table.actions}
    return [(i, own[a.name]) for i, a in enumerate(profile.members.actions) if a.name in own]
