"""The status page: who gets it, what a browser may do with it, and what Chromium shows of it."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import shutil
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from api.apikit import Api, served
from cli.samples import CONFIG_TEXT
from fullnat.api import listener
from fullnat.api.identity import Identity, Role
from fullnat.api.listener import CONNECTIONS
from fullnat.config import file
from fullnat.page import FILES

from topo.devtools import browser

CHROMIUM = shutil.which("chromium")
BROWSER = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=1300,900")
READ = "/v1/services"
GROWING = """
const [fetched, later] = [window.fetch, window.setTimeout];
window.readings = 0;
window.setTimeout = (what, when) => later(what, Math.min(when, 20));
window.fetch = async (path) => {
  if (!path.startsWith("v1/stats")) return fetched(path);
  window.readings += 1;
  return new Response(JSON.stringify({ drops: { ttl: { packets: 1000 * window.readings, bytes: 1 } } }));
};
"""
"""Counters that go up by as much at every reading, of which there are many in a second."""
OTHERS = """
[[virtual_server]]
fwmark = 7
match = ["dst=203.0.113.90,dport=80-90"]
local_addresses = ["10.0.1.1"]
[[virtual_server.real_server]]
address = "10.0.0.11"

[[virtual_server]]
address = "203.0.113.81"
port = 80
mode = "dr"
sessions = false
scheduler = "mh"
[[virtual_server.real_server]]
address = "10.0.0.11"
port = 80

[[virtual_server]]
address = "203.0.113.82"
port = 80
proxy_protocol = "first"
local_addresses = ["10.0.1.1"]
[[virtual_server.real_server]]
address = "10.0.0.11"
port = 80
"""


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
async def api(tmp_path: Path, port: int) -> AsyncIterator[Api]:
    async with served(tmp_path, page=("127.0.0.1", port)) as made:
        yield made


async def ask(port: int, method: str, path: str, **headers: str) -> tuple[int, dict[str, str], str]:
    """Status, headers and body."""

    def blocking() -> tuple[int, dict[str, str], str]:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        body = "{}" if method == "POST" else None
        connection.request(method, path, body, {name.capitalize(): value for name, value in headers.items()})
        answer = connection.getresponse()
        found = answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read().decode()
        connection.close()
        return found

    return await asyncio.to_thread(blocking)


@pytest.mark.usefixtures("api")
@pytest.mark.parametrize("path", FILES)
async def test_files(port: int, path: str) -> None:
    status, headers, body = await ask(port, "GET", path)
    assert (status, headers["content-type"], body) == (200, FILES[path].content, FILES[path].body.decode())
    assert headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'; style-src 'self'; ")
    assert headers["x-content-type-options"] == "nosniff"


async def test_visitors_are_in_nobodys_way(api: Api, port: int) -> None:
    """They may take all there is of the page, and hold no large bodies; the control socket has room as before."""
    visitors = [await asyncio.open_connection("127.0.0.1", port) for _ in range(CONNECTIONS)]
    for _, visitor in visitors:
        visitor.write(b"GET / HT")
    refused, another = await asyncio.open_connection("127.0.0.1", port)
    assert await asyncio.wait_for(refused.read(), 10) == b""
    about = await api.raw(b"GET /v1/about HTTP/1.1\r\n\r\n")
    for writer in (another, *(writer for _, writer in visitors)):
        writer.close()
    assert about.startswith(b"HTTP/1.1 200 OK")


@pytest.mark.usefixtures("api")
async def test_a_visitor_sends_no_large_body(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"POST /v1/apply HTTP/1.1\r\nHost: localhost\r\nContent-Length: 16385\r\n\r\n")
    answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert answer.endswith(b'{"error":"a request has at most 16384 bytes"}\n')


@pytest.mark.parametrize("path", FILES)
def test_nothing_comes_from_elsewhere(path: str) -> None:
    """But for the name of a namespace of XML."""
    text = FILES[path].body.decode().replace("http://www.w3.org/2000/svg", "")
    assert "http:" not in text
    assert "https:" not in text


async def test_everybody_who_gets_there_may_look_and_no_more(api: Api, port: int) -> None:
    before = api.model
    status, _, about = await ask(port, "GET", "/v1/about")
    assert (status, json.loads(about)["role"]) == (200, "read")
    for path in ("/v1/apply", "/v1/zero", "/v1/reload"):
        status, _, said = await ask(port, "POST", path)
        assert status == 403
        assert "operator" in json.loads(said)["error"]
    assert api.model == before


@pytest.mark.usefixtures("api")
@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1", 200),
        ("127.0.0.1:8080", 200),
        ("localhost:8080", 200),
        ("[::1]:8080", 200),
        ("[::1]", 200),
        (socket.gethostname(), 200),
        ("evil.example", 403),
        ("evil.example:8080", 403),
        ("", 403),
    ],
)
async def test_a_name_of_somebody_elses_leads_nowhere(port: int, host: str, status: int) -> None:
    """DNS rebinding: a page of evil.example has its own name lead to our address, and reads what is there."""
    assert (await ask(port, "GET", READ, host=host))[0] == status


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1"])
async def test_a_page_of_somebody_elses_may_not_ask(api: Api, port: int, origin: str) -> None:
    """Whoever's certificate its browser shows, on whatever socket."""
    status, _, said = await ask(port, "GET", READ, origin=origin)
    assert (status, json.loads(said)["error"]) == (403, f"a page of {origin} may not ask")
    request = (
        f"POST /v1/zero HTTP/1.1\r\nHost: h\r\nOrigin: {origin}\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{{}}"
    )
    assert (await api.raw(request.encode())).startswith(b"HTTP/1.1 403 ")
    own = request.replace(origin, "https://h")
    assert (await api.raw(own.encode())).startswith(b"HTTP/1.1 200 ")


@pytest.mark.usefixtures("api")
async def test_no_grpc_there(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
    assert (await reader.readline()).startswith(b"HTTP/1.1 400 ")
    writer.close()


async def shown(tmp_path: Path, port: int, *arguments: str) -> str:
    """What Chromium has made of the page when it is ready."""
    assert CHROMIUM is not None
    process = await asyncio.create_subprocess_exec(
        CHROMIUM,
        *BROWSER,
        f"--user-data-dir={tmp_path / 'browser'}",
        "--virtual-time-budget=4000",
        *arguments,
        f"http://127.0.0.1:{port}/",
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={**os.environ, "HOME": str(tmp_path)},
    )
    found, _ = await asyncio.wait_for(process.communicate(), 60)
    return found.decode()


@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
async def test_what_a_browser_shows(api: Api, port: int, tmp_path: Path) -> None:
    page = await shown(tmp_path, port, "--dump-dom")
    assert 'data-ready="yes"' in page
    for key, service in api.model.services.items():
        assert str(key[1]) in page
        assert all(str(server) in page for server in service.servers)
    assert "Drain" not in page, "a visitor may not"
    assert "undefined" not in page
    assert "NaN" not in page


@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
async def test_drains_and_enables_by_click(
    api: Api, port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a real click, for who may: here the visitor is an operator, as by a client certificate at --api-addr."""
    assert CHROMIUM is not None
    monkeypatch.setattr(listener, "_VISITOR", Identity("operator", Role.OPERATOR))
    key, declared = next(iter(api.model.services.items()))
    server = next(iter(declared.servers))
    button = "document.querySelector('td button')?.textContent"

    def weight() -> int:
        return api.model.services[key].servers[server].weight

    async with browser(CHROMIUM, tmp_path / "browser") as page:
        await page.open(f"http://127.0.0.1:{port}/")
        await page.until(f"{button} === 'Drain'")
        page.answers = [False, True, "7"]
        await page.click("td button")
        await page.until(f"{button} === 'Drain'")
        assert weight() == 1, "who cancels changes nothing"
        await page.click("td button")
        await page.until(f"{button} === 'Enable'")
        assert weight() == 0
        await page.click("td button")
        await page.until(f"{button} === 'Drain'")
        assert weight() == 7
    title = f"{server} of tcp {key[1]}"
    assert page.asked == [*[f"No new connections to {title}?"] * 2, f"Weight of {title}"]


@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
@pytest.mark.usefixtures("api")
async def test_counters_are_drawn_as_often_as_they_are_read(port: int, tmp_path: Path) -> None:
    """One that grows evenly is a level line, though not every turn asks the switch."""
    assert CHROMIUM is not None
    line = "document.querySelector('#drops .spark path')?.getAttribute('d')"
    async with browser(CHROMIUM, tmp_path / "browser") as page:
        await page.open("about:blank")
        await page.call("Page.addScriptToEvaluateOnNewDocument", source=GROWING)
        await page.call("Page.navigate", url=f"http://127.0.0.1:{port}/")
        await page.until("window.readings >= 5")
        await page.until(f"{line}?.split('L').length >= 4")
        found = str(await page.value(line))
    heights = {point.split(",")[1] for point in found.removeprefix("M").split("L")}
    assert heights == {"1.0"}


@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
async def test_cards_say_what_a_service_is(api: Api, port: int, tmp_path: Path) -> None:
    """Rules of a service by match, that it keeps no sessions, and how servers learn clients."""
    api.runner.reconfigure(file.parse(CONFIG_TEXT + OTHERS))
    page = await shown(tmp_path, port, "--dump-dom")
    for words in ("tcp fwmark:7", "dst=203.0.113.90,dport=80-90", "stateless", "PROXY protocol: first"):
        assert words in page


@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
async def test_a_browser_shows_a_picture_in_both_themes(port: int, api: Api, tmp_path: Path) -> None:
    pictures = {}
    for theme, number in (("light", 1), ("dark", 0)):
        picture = tmp_path / f"{theme}.png"
        setting = f"--blink-settings=preferredColorScheme={number}"
        await shown(tmp_path, port, f"--screenshot={picture}", setting)
        pictures[theme] = picture.read_bytes()
    assert pictures["light"] != pictures["dark"]
