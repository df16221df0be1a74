"""Random commands, in whatever order and batches, with sessions living: the switch ends up with what it has when the
same configuration is loaded at once."""

from __future__ import annotations

import copy
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

from fullnat.config import file
from fullnat.config.diff import diff, model_of
from fullnat.config.model import GlobalSettings, Interface, ServerSettings, ServiceSettings, StaticRoute, Timeouts
from fullnat.config.written.model import text_of
from fullnat.core.declared import commands as c
from fullnat.core.declared.commands import Command, CommandError, ServiceKey
from fullnat.core.declared.draft import Draft
from fullnat.core.declared.model import Model
from fullnat.core.interface import SwitchDown, SwitchUp
from fullnat.net.flow import Endpoint
from fullnat.tables.next_hop import NextHop
from fullnat.tables.route import Route
from fullnat.tables.server_in import ServerIn
from fullnat.tables.server_out import ServerOut
from fullnat.tables.table import Entry
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from .builders import LOCAL, LOCAL2, RPORT, SERVER, SERVER2, SERVER3, VIP, config, ip, syn, virtual
from .switch import Rig

VIP2 = ip("198.51.100.11")
SERVICES: list[ServiceKey] = [(6, Endpoint(vip, port)) for vip in (VIP, VIP2) for port in (80, 81)]
GLOBALS = st.builds(
    GlobalSettings,
    timeouts=st.builds(Timeouts, syn_recv=st.sampled_from([5.0, 30.0])),
    local_port_min=st.sampled_from([5000, 6000]),
    punt_rate=st.sampled_from([1, 2]),
)
SETTINGS = st.builds(
    ServiceSettings,
    scheduler=st.sampled_from(["rr", "wrr", "wlc", "mh"]),
    toa=st.booleans(),
    reset_on_miss=st.booleans(),
    echo_while_up=st.booleans(),
    timeouts=st.sampled_from([None, Timeouts(close=1.0)]),
)
WEIGHTS = st.builds(ServerSettings, weight=st.integers(0, 2))
WITHIN = st.sampled_from([None, 0.0, 1.0])
KEYS = st.sampled_from(SERVICES)
ENDPOINTS = st.builds(Endpoint, st.sampled_from([SERVER, SERVER2, SERVER3, ip("172.16.0.9")]), st.just(RPORT))
# The last one is an interface's, which a local address may be, and a real server may not.
LOCALS = st.sampled_from([LOCAL, LOCAL2, ip("10.0.2.1")])
INTERFACES = st.builds(
    Interface,
    port=st.sampled_from([2, 3]),
    mac=st.sampled_from([0x02AA00000002, 0x02AA00000003]),
    address=st.sampled_from([IPv4Interface("10.0.2.1/24"), IPv4Interface("192.0.2.1/24")]),
)
GATEWAYS = st.sampled_from([None, IPv4Address("198.51.100.253"), IPv4Address("198.51.100.254")])
PREFIXES = st.sampled_from([IPv4Network("0.0.0.0/0"), IPv4Network("172.16.0.0/12")])
ROUTES = st.builds(StaticRoute, prefix=PREFIXES, gateway=GATEWAYS)
COMMANDS: st.SearchStrategy[Command] = st.one_of(
    st.builds(c.AddService, KEYS, SETTINGS),
    st.builds(c.EditService, KEYS, SETTINGS),
    st.builds(c.RemoveService, KEYS),
    st.builds(c.AddServer, KEYS, ENDPOINTS, WEIGHTS),
    st.builds(c.AddServer, KEYS, ENDPOINTS, WEIGHTS),
    st.builds(c.EditServer, KEYS, ENDPOINTS, WEIGHTS),
    st.builds(c.RemoveServer, KEYS, ENDPOINTS),
    st.builds(c.DrainServer, KEYS, ENDPOINTS, WITHIN),
    st.builds(c.DrainService, KEYS, WITHIN),
    st.builds(c.DrainAll, WITHIN),
    st.builds(c.ArrangeServers, KEYS, st.lists(ENDPOINTS, max_size=3).map(tuple)),
    st.builds(c.AddLocal, KEYS, LOCALS),
    st.builds(c.AddLocal, KEYS, LOCALS),
    st.builds(c.RemoveLocal, KEYS, LOCALS),
    st.builds(c.AddInterface, INTERFACES),
    st.builds(c.EditInterface, INTERFACES),
    st.builds(c.RemoveInterface, st.sampled_from([2, 3])),
    st.builds(c.AddRoute, ROUTES),
    st.builds(c.EditRoute, ROUTES),
    st.builds(c.RemoveRoute, PREFIXES),
    st.builds(c.EditGlobals, GLOBALS),
)
BATCHES = st.lists(COMMANDS, min_size=1, max_size=4)


class Commanded(RuleBasedStateMachine):
    rig: Rig

    @initialize()
    def connect(self) -> None:
        self.rig = Rig(config(virtual(), virtual(port=81), virtual(address=IPv4Address(VIP2))))
        self.is_up = True

    @rule(batch=BATCHES)
    def apply(self, batch: list[Command]) -> None:
        before = copy.deepcopy(self.rig.controller.model)
        try:
            self.rig.apply(*batch)
        except CommandError:
            assert self.rig.controller.model == before, "all or nothing"
        self.what_runs_is_read_back()
        if self.is_up:
            self.rig.settle()
            self.what_is_configured_is_there()

    @rule(port=st.integers(40000, 40003), key=KEYS)
    def client(self, port: int, key: ServiceKey) -> None:
        _, virtual = key
        self.rig.send(syn(port, vip=virtual.address, vport=virtual.port))
        self.rig.settle()

    @rule(seconds=st.sampled_from([1.0, 35.0]))
    def time(self, seconds: float) -> None:
        if self.is_up:
            self.rig.advance(seconds)

    @rule()
    def switch(self) -> None:
        """It goes, or it comes back."""
        if self.is_up:
            self.rig.send(SwitchDown("lost"))
        else:
            self.rig.up()
        self.is_up = not self.is_up

    def what_runs_is_read_back(self) -> None:
        """By the controllers that share it."""
        model = self.rig.controller.model
        assert diff(model, model_of(file.parse(text_of(model), runs=True))) == []

    def at_once(self) -> set[Entry]:
        """What an empty switch gets when all is loaded at once."""
        fresh = Rig(config(), up=False)
        fresh.apply(*diff(fresh.controller.model, self.rig.controller.model))
        fresh.send(SwitchUp(()))
        fresh.settle()
        return comparable(fresh)

    def what_is_configured_is_there(self) -> None:
        """Beside it, there is only what sessions still need."""
        assert self.at_once() <= comparable(self.rig)

    def teardown(self) -> None:
        if not hasattr(self, "rig"):
            return
        if not self.is_up:
            self.rig.up()
        self.rig.settle()
        for _ in range(4):
            self.rig.advance(100)
        assert list(self.rig.controller.sessions()) == []
        assert comparable(self.rig) == self.at_once()
        self.rig.switch.log_of_updates.clear()
        self.rig.send(SwitchDown("lost"))
        self.rig.up()
        assert self.rig.switch.log_of_updates == [], "reading finds nothing to repair"


def comparable(rig: Rig) -> set[Entry]:
    """The entries of the switch, with what their ids stand for instead of the ids, which may differ, and without what
    is learned."""
    hops = {number: hop.address for number, hop in rig.controller._next_hops._hops.items()}
    found: set[Entry] = set()
    for entry in rig.switch.entries():
        if isinstance(entry, (ServerIn, ServerOut)):
            found.add((type(entry), *entry[1:]))
        elif isinstance(entry, NextHop):
            found.add((NextHop, hops[entry.next_hop_id], entry.way))
        elif isinstance(entry, Route) and entry.next_hop_id is not None:
            found.add((Route, *entry[:3], hops[entry.next_hop_id]))
        else:
            found.add(entry)
    return found


TestCommanded = Commanded.TestCase
TestCommanded.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)


@given(st.lists(COMMANDS, max_size=30), st.lists(COMMANDS, max_size=30))
def test_the_difference_leads_from_any_model_to_any_other(first: list[Command], second: list[Command]) -> None:
    old, new = made(first), made(second)
    wanted = copy.deepcopy(new)
    draft = Draft(old)
    draft.carry_out(diff(old, new))
    assert draft.problems == []
    draft.take_over()
    assert old == wanted
    for key, declared in wanted.services.items():
        assert list(old.services[key].servers) == list(declared.servers)
        assert list(old.services[key].locals) == list(declared.locals)
    assert diff(old, new) == []


def made(commands: list[Command]) -> Model:
    model = Model()
    draft = Draft(model)
    draft.carry_out(commands)
    draft.take_over()
    return model
