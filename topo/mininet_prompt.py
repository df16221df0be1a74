"""mininet's prompt on a :class:`topo.lab.Lab`, with commands of ours besides."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

from mininet.cli import CLI
from rich.console import Console

from topo import routed
from topo.lab import URL, Lab
from topo.process import ProcessFailed

WORTH_TRYING = f"""\
 c1 curl {URL:<22}a page through the VIP: which server, its peer, and TOA
 c1 iperf3 -c {routed.VIP} -p 5201  to s1; port 5203 to s3; -R the other way
 fullnat sessions             what the controller knows; also: fullnat stats --rate
 s3 ip route                  a real server knows no way to the clients
 server kill s2               then: serve s1 s3; server start s4; serve s1 s3 s4
 controller kill              transfers go on; then: controller start
 lb tcpdump -ni sw2           the packets towards s1 and s2, translated
 worth                        this list again; help: mininet's own commands; exit"""


class Prompt(CLI):  # type: ignore[misc]
    """Commands of ours raise nothing: what fails is said in one line."""

    prompt = "fullnat> "

    def __init__(self, lab: Lab, net: object, console: Console) -> None:
        self._lab = lab
        self._console = console
        super().__init__(net)

    def do_worth(self, _line: str) -> None:
        """worth: what is worth trying"""
        self._console.print(WORTH_TRYING, highlight=False, markup=False, soft_wrap=True)

    def do_fullnat(self, line: str) -> None:
        """fullnat WORDS: the command line tool of the running controller"""
        program = str(Path(sys.executable).with_name("fullnat"))
        command = [program, *shlex.split(line)]
        subprocess.run([*command, "--control-socket", str(self._lab.stack.socket)], check=False)

    def do_server(self, line: str) -> None:
        """server kill|start NAME: the web server of s1, s2, s3 or s4"""
        words = line.split()
        if len(words) != 2 or words[0] not in ("kill", "start") or words[1] not in routed.SERVERS:
            return self._say("server kill|start s1|s2|s3|s4")
        running = words[1] in self._lab.servers
        if running == (words[0] == "start"):
            return self._say(f"{words[1]} is {'running already' if running else 'not running'}")
        return self._try(lambda: (self._lab.kill_server if words[0] == "kill" else self._lab.start_server)(words[1]))

    def do_serve(self, line: str) -> None:
        """serve NAMES: the real servers of port 80 of the VIP"""
        names = line.split()
        if not names or not set(names) <= set(routed.SERVERS):
            return self._say(f"serve {' '.join(routed.SERVERS)}: one or more of these")
        return self._try(lambda: self._lab.serve_with(names))

    def do_controller(self, line: str) -> None:
        """controller kill|start"""
        stack = self._lab.stack
        running = stack.controller is not None and stack.controller.running
        if line == "kill" and running:
            assert stack.controller is not None
            stack.controller.kill()
        elif line == "start" and not running:
            self._try(self._start_controller)
        else:
            self._say(f"controller kill|start; it is {'running' if running else 'not running'}")

    def _start_controller(self) -> None:
        self._lab.stack.start_controller()
        self._lab.stack.wait_ready()

    def _try(self, action: object) -> None:
        assert callable(action)
        try:
            action()
        except (ProcessFailed, TimeoutError, OSError) as error:
            self._say(str(error))

    def _say(self, text: str) -> None:
        self._console.print(text, highlight=False, markup=False, soft_wrap=True)


def run(console: Console, lab: Lab) -> None:
    """Print the network and what is worth trying, and prompt until ``exit``."""
    from topo.mininet_network import MininetNetwork

    assert isinstance(lab.network, MininetNetwork)
    picture = (routed.__doc__ or "").split("::\n", 1)[1].split("\n\nThe local", 1)[0]
    console.print(picture, highlight=False, markup=False, soft_wrap=True)
    controller = "no controller: make shell WRITE=1 PUSH=1 installs sessions by hand (docs/p4runtime-shell.md)"
    running = "the controller is running" if lab.stack.controller else controller
    console.print(
        f"\n{lab.stack.target} runs the pipeline; {running}. Worth trying:\n", highlight=False, soft_wrap=True
    )
    console.print(WORTH_TRYING, highlight=False, markup=False, soft_wrap=True)
    Prompt(lab, lab.network.mininet, console)
