"""The options ``--etcd...`` of ``fullnat run``: a mistake is one line, and what etcd itself refuses is one, too."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from etcd.fake import FakeEtcd
from fullnat.cli.run import run

from cli.samples import CONFIG_TEXT

ONE = ["--etcd", "http://127.0.0.1:2379"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--etcd-user", "lb"], "--etcd-user belongs to --etcd"),
        (["--etcd-prefix", "/x"], "--etcd-prefix belongs to --etcd"),
        (["--etcd-silence", "2"], "--etcd-silence belongs to --etcd"),
        (["--etcd", "a:2379"], "--etcd: 'a:2379' is no URL of an etcd member: https://HOST:2379"),
        ([*ONE, "--etcd-prefix", "x"], "--etcd: 'x' is no prefix: /NAME or /NAME/NAME"),
        ([*ONE, "--etcd-ca", "ca.pem"], "https:// in --etcd and --etcd-ca go together"),
        (["--etcd", "https://a"], "https:// in --etcd and --etcd-ca go together"),
        ([*ONE, "--etcd-cert", "a", "--etcd-key", "b"], "--etcd-cert and --etcd-key go together, with --etcd-ca"),
        (["--etcd", "https://a", "--etcd-ca", "a", "--etcd-cert", "a"], "--etcd-cert and --etcd-key go together"),
        ([*ONE, "--etcd-user", "lb"], "--etcd-user and --etcd-password-file go together"),
        ([*ONE, "--etcd-user", "lb", "--etcd-password-file", "none"], "--etcd: cannot read the password file none"),
        (
            [*ONE, "--embedded"],
            "--etcd is for controllers of a switch that outlives each of them; --embedded dies with its",
        ),
        ([*ONE, "--election-id", "5"], "with --etcd, the election id is etcd's"),
        ([*ONE, "--etcd-silence", "0"], "0 is not in the range"),
    ],
)
def test_what_does_not_go_together_is_refused(tmp_path: Path, words: list[str], says: str) -> None:
    path = tmp_path / "fullnat.toml"
    path.write_text(CONFIG_TEXT)
    done = CliRunner().invoke(run, [str(path), *words])
    assert done.exit_code == 2
    assert says in done.output
    assert "Traceback" not in done.output


async def test_a_wrong_password_ends_the_controller_with_one_line(tmp_path: Path) -> None:
    fake = FakeEtcd("right")
    url = await fake.start()
    path, password = tmp_path / "fullnat.toml", tmp_path / "password"
    path.write_text(CONFIG_TEXT)
    password.write_text("wrong\n")
    command = ["-m", "fullnat.cli.main", "run", str(path), "--etcd", url, "--state-dir", str(tmp_path / "state")]
    command += ["--etcd-user", "lb", "--etcd-password-file", str(password)]
    process = await asyncio.create_subprocess_exec(sys.executable, *command, stderr=asyncio.subprocess.PIPE)
    _, err = await asyncio.wait_for(process.communicate(), 60)
    await fake.stop()
    assert process.returncode == 1
    assert err.decode() == (
        f"Error: etcd at 127.0.0.1:{fake.port}: authentication failed, invalid user ID or password; "
        "see --etcd-user and --etcd-password-file\n"
    )
