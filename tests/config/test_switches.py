"""Sections [[switch]]: what is right, what is not, and what other grammars make of them."""

from __future__ import annotations

import pytest
from fullnat.config import file
from fullnat.config.errors import ConfigError
from fullnat.config.servers import SwitchSettings
from fullnat.config.written import GRAMMARS, document

from config.test_file import GOOD

TWO = """
[[switch]]
name = "left"
grpc_addr = "192.0.2.21:9559"

[[switch]]
name = "right"
grpc_addr = "unix:/run/right.sock"
device_id = 7
target = "v1model"
"""
EMBEDDED = '[[switch]]\nname = "here"\nembedded = true\n'


def test_they_are_read_and_written_again() -> None:
    config = file.parse(GOOD + TWO)
    assert config.switches == (
        SwitchSettings(name="left", grpc_addr="192.0.2.21:9559"),
        SwitchSettings(name="right", grpc_addr="unix:/run/right.sock", device_id=7, target="v1model"),
    )
    text, unsaid = GRAMMARS["toml"](document(config))
    assert (file.parse(text), unsaid) == (config, [])
    assert file.parse(GOOD).switches == ()


@pytest.mark.parametrize("grammar", ["keepalived", "ipvsadm"])
def test_what_others_cannot_say_is_named(grammar: str) -> None:
    with_them, unsaid = GRAMMARS[grammar](document(file.parse(GOOD + TWO)))
    without, less = GRAMMARS[grammar](document(file.parse(GOOD)))
    assert with_them == without
    (line,) = set(unsaid) - set(less)
    assert "switch" in line


SOCKET = '[[switch]]\nname = "a"\ngrpc_addr = "unix:/run/x"\n'
LOCAL = '[[switch]]\nname = "a"\ngrpc_addr = "localhost:9559"\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[[switch]]\nname = "a b"\ngrpc_addr = "h:1"', "name: 'a b' is not a name"),
        ('[[switch]]\nname = "a"', "grpc_addr: is missing"),
        ('[[switch]]\nname = "a"\ngrpc_addr = "nowhere"', "grpc_addr: 'nowhere' is neither HOST:PORT nor unix:PATH"),
        (EMBEDDED + 'grpc_addr = "h:1"', "grpc_addr: is where a switch is connected to"),
        (EMBEDDED + EMBEDDED.replace("here", "too"), "embedded: is already that of switch 1"),
        (TWO + TWO.replace("right", "r"), "name: is already that of switch 1"),
        (SOCKET + SOCKET.replace('"a"', '"b"').replace("run/", "run/./"), "grpc_addr: is already that of switch 1"),
        (
            LOCAL + LOCAL.replace('"a"', '"b"').replace("localhost", "127.0.0.1"),
            "grpc_addr: is already that of switch 1",
        ),
        (
            LOCAL + LOCAL.replace('"a"', '"b"').replace("localhost", "0.0.0.0"),
            "grpc_addr: is already that of switch 1",
        ),
        (LOCAL + LOCAL.replace('"a"', '"b"').replace("localhost", "127.1"), "grpc_addr: is already that of switch 1"),
        (TWO.replace("v1model", "v1model-asic"), "target: "),
        ('[switch]\nname = "a"', "switch: is one of several: [[switch]]"),
        ('[[switch]]\nname = "a"\ngrpc_addr = "h:1"\nport = 3', "port: unknown option"),
    ],
)
def test_what_is_wrong_is_one_line(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        file.parse(f"{GOOD}\n{text}\n")
    assert any(said in problem for problem in caught.value.problems), caught.value.problems


def test_a_group_has_a_size() -> None:
    many = "".join(f'[[switch]]\nname = "s{number}"\ngrpc_addr = "h:{number}"\n' for number in range(1, 18))
    with pytest.raises(ConfigError, match="16 switches at most"):
        file.parse(GOOD + many)
