"""What a controller that starts runs, and on which switches."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from fullnat.app.daemon import configured
from fullnat.app.group.remembered import OnDisk
from fullnat.config import file

INTERFACE = '[[interface]]\nport = 1\nmac = "02:00:00:00:00:01"\naddress = "192.0.2.1/24"\n'
SWITCHES = "".join(f'[[switch]]\nname = "{name}"\ngrpc_addr = "unix:/run/{name}"\n' for name in ("left", "right"))


def test_switches_are_those_of_the_file_where_etcd_has_the_configuration() -> None:
    """etcd has none: a second controller of a group looked for one switch, and so did the first when it came back."""
    options: Any = SimpleNamespace(target="v1model")
    storage: Any = SimpleNamespace(config_text=lambda: f"punt_rate = 77\n{INTERFACE}", config_name="etcd")
    config = configured(file.parse(SWITCHES + INTERFACE), options, storage)
    assert ([each.name for each in config.switches], config.punt_rate) == (["left", "right"], 77)


def test_what_is_remembered_of_switches_makes_its_directory(tmp_path: Path) -> None:
    """With etcd nobody else does: the secret is there."""
    directory = tmp_path / "state" / "of"
    OnDisk(directory).write("left", ["left", "right"])
    found = OnDisk(directory)
    assert (found.active, found.full) == ("left", frozenset(("left", "right")))
