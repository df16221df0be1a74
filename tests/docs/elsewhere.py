"""Commands of the documents that no script of :mod:`.test_runs` runs, by page: the test that runs what they do, or why
nobody does. A key is how the command begins."""

from __future__ import annotations

from collections.abc import Mapping

SOURCES = "what a developer and CI run; a test would run the tests"
ELSEWHERE: Mapping[str, Mapping[str, str]] = {
    "README.md": {"make demo": "tests/demo/test_usertcp.py", "make test": SOURCES},
    "docs/development.md": {"make ": SOURCES},
    "docs/bgp.md": {
        "fullnat switches": "tests/e2e/test_all_active.py",
        "make peers": "tests/tools/test_install_peers.py",
        "make demo-cluster": "tests/demo/test_cluster.py",
    },
    "docs/controllers.md": {"fullnat run fullnat.toml --grpc-addr": "tests/e2e/test_controllers.py"},
    "docs/api.md": {
        "curl --unix-socket": "tests/api/test_calls.py",
        "fullnat run ... --grant": "tests/api/test_who.py",
        "fullnat run ... --api-addr": "tests/api/test_who.py",
    },
    "docs/from-keepalived.md": {
        "fullnat check keepalived.conf": "tests/config/keepalived",
        "fullnat run keepalived.conf": "tests/docs/test_runs.py",
        "fullnat convert": "tests/config/test_written.py",
    },
    "docs/health.md": {"ip ": "tests/e2e/test_health.py"},
    "docs/install.md": {
        "apt install": "tests/install/test_systemd.py",
        "systemctl status": "tests/install/test_systemd.py",
        "python3 -m venv": "tests/install/test_wheel.py",
        "/opt/fullnat/bin/pip": "tests/install/test_wheel.py",
        "fullnat upgrade --check": "tests/install/test_systemd.py",
    },
    "docs/installing-p4c.md": {"make doctor": "it looks at the machine, and has no outcome to expect"},
    "docs/mininet.md": {
        "apt-get install": "it changes the machine",
        "make topo": "tests/topo/test_mininet.py",
    },
    "docs/modes.md": {
        "ip fou add": "few kernels of test machines have fou; ptf_tests/test_tunnel.py has the bytes",
        "ip link add tunl-lb": "few kernels of test machines have ipip; tests/e2e/test_tunnel.py does without",
        "sysctl -w net.ipv4.conf.all.rp_filter": "the same",
    },
    "docs/operations.md": {
        "fullnat top": "tests/top/test_top.py",
        "fullnat run CONFIG --grpc-addr switch.example": "tests/cli/test_tls.py",
        "p4soft ... --grpc-server-ssl": "tests/cli/test_tls.py",
    },
    "docs/p4runtime-shell.md": {"make shell": "tests/topo/test_shell.py", "make topo": "tests/topo/test_shell.py"},
    "docs/toa-ebpf.md": {"toa-attach": "tests/toa/test_ebpf.py", "toa-detach": "tests/toa/test_ebpf.py"},
    "docs/tofino.md": {
        "make tofino": "tests/p4/test_tofino.py",
        "fullnat run CONFIG --target tofino1": "it needs a chip, or the vendor's model",
        "ptf ": "it needs a chip, or the vendor's model",
    },
    "docs/switches.md": {
        "fullnat switches": "tests/e2e/test_switches.py",
        "fullnat reload": "tests/e2e/test_switches.py",
        "fullnat upgrade --check": "tests/cli/test_upgrade.py",
    },
    "docs/scale.md": {
        "fullnat run fullnat.toml --group east": "tests/etcd/test_groups.py",
        "fullnat check": "tests/cli/test_groups.py",
        "fullnat groups": "tests/cli/test_groups.py",
    },
    "docs/trace.md": {"fullnat trace": "tests/app/test_tracing.py"},
    "docs/tutorial.md": {"make setup": SOURCES},
    "docs/vlans.md": {"ip ": "few kernels of test machines have VLANs; tests/e2e/test_vlans.py does with or without"},
    "ptf_tests/README.md": {
        "make ptf": SOURCES,
        "ptf ": SOURCES,
        "p4soft ": "tests/p4soft/engine/test_device_socket.py",
    },
    "softswitch/README.md": {
        "p4soft ": "tests/p4soft/server/test_server_cli.py",
        "pip install": "it changes the machine",
    },
    "toa/README.md": {
        "make toa ": "tests/toa/test_preload.py",
        "make toa-wheel": "tests/toa/test_package.py",
        "python3 -m venv": "tests/toa/test_package.py",
        "apt install": "tests/install/test_debian.py",
        "toa-check": "tests/toa/test_check.py",
        "LD_PRELOAD": "tests/toa/test_preload.py",
    },
}
