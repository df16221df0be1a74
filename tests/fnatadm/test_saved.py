"""What -S writes and -R makes again."""

from __future__ import annotations

from fnatadm.conftest import Done, Run


async def test_what_those_refused_get_is_saved_without_prefixes_as_well(fnatadm: Run) -> None:
    await fnatadm("-A -t 203.0.113.80:443 -s rr")
    assert await fnatadm("-U -t 203.0.113.80:443 --refused rst") == Done(0, "", "")
    assert await fnatadm("-O --refused icmp") == Done(0, "", "")
    saved = (await fnatadm("-S -n")).out
    assert saved.splitlines()[-2:] == ["-U --refused icmp", "-U -t 203.0.113.80:443 --refused rst"]
    assert await fnatadm("-C") == Done(0, "", "")
    assert await fnatadm("-R", saved) == Done(0, "", "")
    assert (await fnatadm("-S -n")).out == saved
    assert await fnatadm("-U -t 203.0.113.80:443") == Done(2, "", "fnatadm: -U needs -k or --refused\n")


async def test_what_those_refused_get_is_listed_with_the_prefixes(fnatadm: Run) -> None:
    await fnatadm("-A -t 203.0.113.80:443 -s rr")
    await fnatadm("-U -t 203.0.113.80:443 -k 192.0.2.0/24 --refused rst")
    await fnatadm("-U -k 198.51.100.0/24")
    assert (await fnatadm("-B")).out.splitlines() == [
        f"{'all services':<43} 198.51.100.0/24",
        f"{'TCP 203.0.113.80:443':<43} 192.0.2.0/24",
        f"{'TCP 203.0.113.80:443':<43} refused: rst",
    ]
    await fnatadm("-O --refused icmp")
    assert (await fnatadm("-W")).out.splitlines()[0] == f"{'all services':<43} refused: icmp"
