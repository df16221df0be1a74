"""Texts that are nearly what the parsers take: seeds, and what is changed of them."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from cli.samples import CONFIG_TEXT
from fullnat.config.keepalived import keywords
from fullnat.config.keepalived.keywords import Keyword
from fullnat.fnatadm.options import COMMANDS, OPTIONS, Value

EXAMPLE = (Path(__file__).parents[2] / "docs" / "example.toml").read_text()
LINES = (
    "-A -t 203.0.113.80:443 -s wrr -p 60 -M 255.255.255.0 -V 90 --option toa=false --check 'type=http path=/up'\n"
    "-a -t 203.0.113.80:443 -r 10.0.0.11:8443 -b -w 100 -x 9 -y 5\n-P -t 203.0.113.80:443 -z 10.0.1.5\n"
    "-A -u [2001:db8::1]:53 -s rr -o\n-a -u [2001:db8::1]:53 -r [2001:db8::2]:53 -i --tun-type gue --tun-port 6080\n"
    "-A -f 7/udp -H dst=203.0.113.0/24,dport=53-54 -J -s sh\n-e -t a:b -r 10.0.0.1 -w 0 --within 5\n"
    "-U -t 203.0.113.80:443 -k 192.0.2.0/24 -k 2001:db8::/32 --refused rst\n-O -2 192.0.2.1\n-L -n -c --sort\n"
    "-A -f 8 -6 -H src=2001:db8::/32,iif=2 --proxy-protocol v2 -j auto\n--set 0 99 0\n"
)
CONF = """\
global_defs {
    router_id a
}
$A = 10.0.0
local_address_group g {
    10.0.1.1-4
}
virtual_server 203.0.113.80 80 {
    lb_algo wrr
    lb_kind FNAT
    protocol TCP
    laddr_group_name g
    @fullnat new_rate 5
    real_server ${A}.11 8080 {
        weight 2
        HTTP_GET {
            url {
                path /
                status_code 200
            }
            connect_timeout 3
        }
    }
}
"""
PIECES = (
    *("\r\n", "\n", "\0", "{", "}", "[", "]", '"', "'", ":", "%", "\\", "#", "!", "$", "@", "-1", "1e999", "null"),
    *(
        "nan",
        " ",
        "\u00e9",
        "\u2028",
        "\ud800",
        "9" * 40,
        "[" * 50,
        "::",
        "/33",
        "true",
        "\t",
        "=",
        "[[a]]",
        "~SEQ(1,3)",
    ),
)
WORDS = (
    *(
        "0",
        "1",
        "80",
        "443",
        "65535",
        "65536",
        "4294967295",
        "4294967296",
        "0.5",
        "1e9",
        "true",
        "false",
        "none",
        "off",
    ),
    *("10.0.0.11", "10.0.1.1", "10.0.1.1-9", "203.0.113.80", "203.0.113.80:80", "[2001:db8::1]:80", "2001:db8::1"),
    *(
        "10.0.0.0/8",
        "2001:db8::/32",
        "0.0.0.0/0",
        "::/0",
        "255.255.255.255",
        "224.0.0.1",
        "fe80::1%1",
        "::ffff:10.0.0.1",
    ),
    *("fwmark:2", "fwmark6:3", "02:00:00:00:00:04", "tcp", "udp", "icmp", "icmpv6", "sctp", "http", "ping", "200-299"),
    *("rr", "wrr", "mh", "sh", "fullnat", "snat", "gue", "dr", "tunnel", "/up", "a.example", "drop", "rst", "auto"),
    *(
        "dst=192.0.2.0/24,dport=1-9",
        "src=10.0.0.0/8",
        "v2",
        "every",
        "endpoint-independent",
        "g",
        "type=http",
        "{",
        "}",
    ),
)
VARIANTS = 6
_BETWEEN = re.compile(r"""([\s=,"'\[\]{}&?/:]+)""")
_LENGTHS = (1, 2, 5, 20, 60)
_COMMENT = re.compile(r"\s+#.*$", re.MULTILINE)
_SECTION = re.compile(r"(?m)^(?=\[\[(?:interface|route|virtual_server)\]\]$|\[timeouts\]$)")
_PLAIN = _COMMENT.sub("", EXAMPLE)
_SECTIONS = _SECTION.split(_PLAIN)
_OPTIONS = sorted({line.partition("=")[0].strip() for line in EXAMPLE.splitlines() if re.match(r"\w+ *=", line)})
_LEAVES = {
    name: [key for key, keyword in table.items() if not keyword.is_block]
    for name, table in (("virtual_server", keywords.VIRTUAL_SERVER), ("real_server", keywords.REAL_SERVER))
}
_FLAGS = [name for each in (*(command.option for command in COMMANDS), *OPTIONS) for name in each.names]
_WITH_VALUE = [(option.names[0], option.choices) for option in OPTIONS if option.value is not Value.NONE]


def mutated(generator: random.Random, seed: str, words: Sequence[str] = WORDS) -> str:
    """``seed`` with a few changes: of whole words, of letters, or of both."""
    kind = int(generator.random() * 4)
    text = seed if kind == 0 else _other_words(generator, seed, words)
    return text if kind == 1 else _other_letters(generator, text)


def _other_words(generator: random.Random, seed: str, words: Sequence[str]) -> str:
    parts = _BETWEEN.split(seed)
    chance = generator.random
    for _ in range(1 + int(chance() * 3)):
        at = 2 * int(chance() * ((len(parts) + 1) // 2))
        other = 2 * int(chance() * ((len(parts) + 1) // 2))
        kind = int(chance() * 4)
        if kind == 0:
            parts[at] = parts[other]
        elif kind == 1:
            parts[at], parts[other] = parts[other], parts[at]
        else:
            parts[at] = words[int(chance() * len(words))]
    return "".join(parts)


def _other_letters(generator: random.Random, seed: str) -> str:
    text = seed
    chance = generator.random
    for _ in range(1 + int(chance() * 5)):
        at = int(chance() * (len(text) + 1))
        length = _LENGTHS[int(chance() * len(_LENGTHS))]
        kind = int(chance() * 5)
        if kind == 0:
            text = text[:at] + PIECES[int(chance() * len(PIECES))] + text[at:]
        elif kind == 1:
            text = text[:at] + text[at + length :]
        elif kind == 2:
            text = text[:at] + chr(int(chance() * 256)) + text[at + 1 :]
        elif kind == 3:
            text = text[:at] + text[at : at + length] + text[at:]
        else:
            other = int(chance() * (len(text) + 1))
            text = text[:at] + text[other : other + length] + text[at + length :]
    return text


def variants(generator: random.Random, text: str) -> Iterator[str]:
    """``text``, and what is near to it: to make one takes longer than to change it."""
    yield text
    for _ in range(VARIANTS - 1):
        yield mutated(generator, text)


def toml(generator: random.Random) -> str:
    """A small file: parts of sections of the example, some of its options anywhere; now and then all of it."""
    if generator.randrange(300) == 0:
        return _PLAIN
    pieces = [CONFIG_TEXT if generator.randrange(2) else _part(generator), _part(generator)]
    for _ in range(generator.randrange(1, 4)):
        word = generator.choice(WORDS)
        value = word if generator.randrange(2) else generator.choice(('"%s"', '["%s"]', "[%s]", "{a = %s}")) % word
        pieces.append(f"{generator.choice(_OPTIONS)} = {value}\n")
    return "".join(pieces)


def _part(generator: random.Random) -> str:
    """A section with a few of its lines."""
    head, *lines = generator.choice(_SECTIONS).splitlines(keepends=True)
    at = generator.randrange(len(lines) + 1)
    return head + "".join(lines[at : at + 6])


def keepalived(generator: random.Random) -> str:
    """A service with a few of all keywords, or the seed."""
    if generator.randrange(10) == 0:
        return CONF
    body = _statements(generator, _LEAVES["virtual_server"])
    if generator.randrange(2):
        inner = _statements(generator, _LEAVES["real_server"])
        if generator.randrange(2):
            name = generator.choice([*keywords.CHECKERS])
            inner += f"{name} {{\n{_block(generator, keywords.CHECKERS[name])}}}\n"
        body += f"real_server 10.0.0.11 {generator.choice(('80', '8080', ''))} {{\n{inner}}}\n"
    named = generator.choice(("203.0.113.80 80", "2001:db8::80 80", "fwmark 3", "group g", "match g", "203.0.113.80"))
    return f"local_address_group g {{\n10.0.1.1-4\n}}\nvirtual_server {named} {{\n{body}}}\n"


def _block(generator: random.Random, keyword: Keyword) -> str:
    below = keyword.below
    if not below:
        return _statements(generator, _LEAVES["real_server"])
    name = generator.choice([*below])
    if below[name].is_block:
        return f"{name} {{\n{_block(generator, below[name])}}}\n"
    return _statements(generator, [*below])


def _statements(generator: random.Random, names: Sequence[str]) -> str:
    return "".join(
        f"{generator.choice(names)} {' '.join(generator.choices(WORDS, k=generator.choice((0, 1, 1, 1, 2))))}\n"
        for _ in range(generator.randrange(1, 5))
    )


_LINE = LINES.splitlines()


def line(generator: random.Random) -> str:
    """Of fnatadm, with an option more or less."""
    text = generator.choice(_LINE)
    if generator.randrange(2):
        option, choices = generator.choice(_WITH_VALUE)
        text += f" {option} {generator.choice(choices or WORDS)}"
    return mutated(generator, text, _FLAGS if generator.randrange(2) else WORDS)


def lines(generator: random.Random) -> str:
    """Of a saved state."""
    if generator.randrange(50) == 0:
        return LINES
    return "\n".join(line(generator) for _ in range(generator.randrange(1, 4)))
