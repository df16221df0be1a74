"""Tables at their limits: doubles, absentees, and a table that is full."""

import grpc
import pytest
from finsy.proto import p4r, rpc_code, rpc_status

from ptf_tests import topology
from ptf_tests.base import FullnatTest, requires
from ptf_tests.p4rt import Entry
from ptf_tests.sessions import SessionTest


def codes(error: grpc.RpcError) -> list[int]:
    """The canonical code of each update of a refused Write, from grpc-status-details-bin."""
    for key, value in error.trailing_metadata():
        if key == "grpc-status-details-bin":
            status = rpc_status.Status.FromString(value)
            result = []
            for detail in status.details:
                one = p4r.Error()
                detail.Unpack(one)
                result.append(one.canonical_code)
            return result
    return []


class SecondInsertIsRefused(SessionTest):
    """An entry that is there is not inserted again: ALREADY_EXISTS; the others of the Write are."""

    def runTest(self) -> None:
        new = topology.service(vport=81)
        with pytest.raises(grpc.RpcError) as caught:
            self.client.insert(self.session.inbound, new)
        self.client.delete(new)
        assert codes(caught.value) == [rpc_code.ALREADY_EXISTS, rpc_code.OK]


class AbsentEntryIsNotFound(FullnatTest):
    """Delete and modify of what is not there: NOT_FOUND."""

    def runTest(self) -> None:
        for write in (self.client.delete, self.client.modify):
            with pytest.raises(grpc.RpcError) as caught:
                write(topology.service())
            assert codes(caught.value) == [rpc_code.NOT_FOUND]


class _FullTable(FullnatTest):
    def fill(self) -> list[int]:
        """Fill the port table and insert one entry more; return the codes of the refusal."""
        size = self.client.schema.tables["port"].size
        free = size - len(topology.PORT_MAC)
        self.insert(*(Entry("port", {"port": 1000 + i}, "port_set", {"mac": i}) for i in range(free)))
        extra = Entry("port", {"port": 1000 + free}, "port_set", {"mac": 0})
        with pytest.raises(grpc.RpcError) as caught:
            self.client.insert(extra)
        assert len(self.client.entries("port")) == size
        return codes(caught.value)


class FullTableRefusesOneMore(_FullTable):
    """A table takes as many entries as its size says and refuses the next."""

    def runTest(self) -> None:
        (code,) = self.fill()
        assert code != rpc_code.OK


@requires("resource-exhausted")
class FullTableIsResourceExhausted(_FullTable):
    """The refusal says RESOURCE_EXHAUSTED, as P4Runtime wants."""

    def runTest(self) -> None:
        assert self.fill() == [rpc_code.RESOURCE_EXHAUSTED]
