"""TLS to the switch, with and without a certificate of ours, and what is said when it does not come about."""

from __future__ import annotations

from pathlib import Path

import pytest
from fullnat.app.here import is_here
from fullnat.p4rt.client import Client
from fullnat.p4rt.errors import ChannelError, ConnectionLost
from fullnat.p4rt.grpc_transport import GrpcTransport
from fullnat.p4rt.program import Program
from fullnat.p4rt.tls import Tls

from p4rt.certificates import Authority, Pair
from p4rt.switches import running

NAME = "switch.example"
TARGETS = ("p4soft", "simple_switch_grpc")


class Certificates:
    def __init__(self, directory: Path) -> None:
        self.authority = Authority(directory)
        self.ca = self.authority.pair.cert
        self.switch = self.authority.issue(NAME)
        self.controller = self.authority.issue("controller")
        self.stranger = Authority(directory, "stranger").pair


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("tls"))


def tls(certificates: Certificates, own: Pair | None = None, *, name: str | None = NAME) -> Tls:
    cert, key = (own.cert, own.key) if own else (None, None)
    return Tls(ca=certificates.ca, cert=cert, key=key, server_name=name)


def server(certificates: Certificates, *, client_auth: bool = False) -> list[str | Path]:
    pair = certificates.switch
    words: list[str | Path] = ["--grpc-server-ssl", "--grpc-server-cert", pair.cert, "--grpc-server-key", pair.key]
    words += ["--grpc-server-cacert", certificates.ca]
    return [*words, "--grpc-server-with-client-auth"] if client_auth else words


async def why(address: str, tls: Tls | None) -> str:
    """What is said of a connection that does not come about; empty when it does."""
    transport = GrpcTransport(address, tls)
    try:
        stream = await transport.open_stream()
        await stream.close()
    except ConnectionLost as error:
        return str(error).removeprefix(f"no P4Runtime server answers at {address}: ")
    finally:
        await transport.close()
    return ""


@pytest.mark.parametrize("target", TARGETS)
async def test_tls(target: str, certificates: Certificates, compiled: Program) -> None:
    async with running(target, *server(certificates)) as address:
        transport = GrpcTransport(address, tls(certificates))
        client = Client(transport, compiled, device_id=1, election_id=lambda: 1)
        await client.open()
        assert await client.receive()
        await client.close()
        wrong = Tls(ca=certificates.stranger.cert, server_name=NAME)
        assert await why(address, wrong) == "the switch's certificate is not signed by the CA of --grpc-tls-ca"
        assert await why(address, tls(certificates, name=None)) == (
            "the switch's certificate is for another name: --grpc-tls-server-name says which to expect"
        )
        assert await why(address, None) == (
            "whoever listens there ends the connection; it may speak TLS only: see --grpc-tls-ca"
        )


@pytest.mark.parametrize("target", TARGETS)
async def test_mutual_tls(target: str, certificates: Certificates) -> None:
    wanted = (
        "whoever listens there ends the connection; it wants a client certificate that its CA has signed: "
        "see --grpc-tls-cert and --grpc-tls-key"
    )
    async with running(target, *server(certificates, client_auth=True)) as address:
        assert await why(address, tls(certificates, certificates.controller)) == ""
        assert await why(address, tls(certificates)) == wanted
        assert await why(address, tls(certificates, certificates.stranger)) == wanted


@pytest.mark.parametrize("target", TARGETS)
async def test_a_switch_without_tls(target: str, certificates: Certificates) -> None:
    async with running(target) as address:
        assert await why(address, tls(certificates)) == (
            "the switch does not speak TLS: leave out --grpc-tls-ca, or start it with --grpc-server-ssl"
        )


async def test_nobody_there() -> None:
    assert await why("127.0.0.1:1", None) == "Connection refused"


def test_files_that_are_not_usable(certificates: Certificates, tmp_path: Path) -> None:
    def refused(*, ca: Path, own: Pair | None = None) -> str:
        cert, key = (own.cert, own.key) if own else (None, None)
        with pytest.raises(ChannelError) as caught:
            Tls(ca=ca, cert=cert, key=key).context()
        return str(caught.value)

    ca, key, garbage = certificates.ca, certificates.switch.key, tmp_path / "garbage"
    garbage.write_text("nothing\n")
    cert = certificates.controller.cert
    assert refused(ca=tmp_path / "none") == f"cannot read the PEM file {tmp_path / 'none'}: No such file or directory"
    assert refused(ca=garbage) == f"{garbage} holds no CA certificate in PEM form (--grpc-tls-ca)"
    pair = f"{cert} (--grpc-tls-cert) and {key} (--grpc-tls-key) are not usable: "
    assert refused(ca=ca, own=Pair(cert, key)) == pair + "the key belongs to another certificate"
    pair = f"{cert} (--grpc-tls-cert) and {garbage} (--grpc-tls-key) are not usable: "
    assert refused(ca=ca, own=Pair(cert, garbage)) == pair + "not PEM, or encrypted"


@pytest.mark.parametrize(
    ("address", "here"),
    [
        ("127.0.0.1:9559", True),
        ("localhost:9559", True),
        ("[::1]:9559", True),
        ("unix:/run/p4rt.sock", True),
        ("dns:///127.0.0.2:9559", True),
        ("192.0.2.1:9559", False),
        ("ipv4:192.0.2.1:9559", False),
        ("ipv4:127.0.0.1:9559", True),
        ("name.invalid:9559", False),
    ],
)
async def test_what_stays_on_this_machine(address: str, here: bool) -> None:
    assert await is_here(address) is here
