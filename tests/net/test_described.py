"""Packets described in a line."""

from __future__ import annotations

import pytest
from fullnat.net.described import BadDescription, described
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import ARP, Dot1Q, Ether

MAC = 0x020000000001


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (
            "tcp 198.51.100.7:1234 > 203.0.113.10:80 SYN mss 1460 sack-ok ttl 3",
            IP(src="198.51.100.7", dst="203.0.113.10", id=0, flags="DF", ttl=3)
            / TCP(sport=1234, dport=80, flags="S", seq=0, window=65535, options=[("MSS", 1460), ("SAckOK", b"")]),
        ),
        (
            "tcp 192.0.2.1:1 to 192.0.2.2:2 [P.] seq 5 ack 7 data 0102 win 9",
            IP(src="192.0.2.1", dst="192.0.2.2", id=0, flags="DF")
            / TCP(sport=1, dport=2, flags="PA", seq=5, ack=7, window=9)
            / b"\x01\x02",
        ),
        (
            "udp [2001:db8::1]:5 > [2001:db8::2]:53 length 3 vlan 5",
            Dot1Q(vlan=5) / IPv6(src="2001:db8::1", dst="2001:db8::2") / UDP(sport=5, dport=53) / bytes(3),
        ),
        (
            "icmp 192.0.2.1 > 192.0.2.2 echo id 3 seq 1 no-df tos 4",
            IP(src="192.0.2.1", dst="192.0.2.2", id=0, tos=4) / ICMP(id=3, seq=1),
        ),
        (
            "ip 192.0.2.1 > 192.0.2.2 proto 50 data ff mf offset 16 ip-id 7",
            IP(src="192.0.2.1", dst="192.0.2.2", id=7, flags="MF", frag=2, proto=50) / b"\xff",
        ),
    ],
)
def test_packets(words: str, wanted: object) -> None:
    head = Ether(dst="02:00:00:00:00:01", src="02:00:00:00:00:fe")
    assert described(words).frame(MAC).hex() == bytes(head / wanted).hex()


def test_arp_is_sent_to_all() -> None:
    head = Ether(dst="ff:ff:ff:ff:ff:ff", src="02:00:00:00:00:09")
    asks = ARP(hwsrc="02:00:00:00:00:09", psrc="192.0.2.1", hwdst="00:00:00:00:00:00", pdst="192.0.2.2")
    assert described("arp 192.0.2.1 > 192.0.2.2 from 02:00:00:00:00:09").frame(MAC) == bytes(head / asks)


def test_toa_and_a_wrong_checksum() -> None:
    frame = described("tcp 192.0.2.1:1 > 192.0.2.2:2 ACK toa 198.51.100.7:1234 bad-checksum").frame(MAC)
    assert frame[54:62].hex() == "fe0804d2c6336407"
    right = described("tcp 192.0.2.1:1 > 192.0.2.2:2 ACK toa 198.51.100.7:1234").frame(MAC)
    assert frame[50] ^ right[50] == 0xFF


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("", "is no packet: PROTOCOL SOURCE > DESTINATION"),
        ("quic 192.0.2.1:1 > 192.0.2.2:2", "'quic' is none of tcp, udp, icmp, ip, arp"),
        ("tcp 1 > 2", "'1' is not an address with a port"),
        ("tcp 192.0.2.1:1 > [::1]:2", "are of two families"),
        ("tcp 192.0.2.1:1 > 192.0.2.2:99999", "'192.0.2.2:99999' is not an address with a port"),
        ("udp 192.0.2.1:1 > 192.0.2.2:9 SYN", "'SYN' says nothing of udp"),
        (
            "tcp 192.0.2.1:1 > 192.0.2.2:9 SYNN",
            "'SYNN' says nothing of tcp; there are ACK, CWR, ECE, FIN, PSH, RST, SYN, URG, ack, ",
        ),
        ("udp 192.0.2.1:1 > 192.0.2.2:9 ttl", "'ttl' lacks its value"),
        ("udp 192.0.2.1:1 > 192.0.2.2:9 ttl 999", "ttl: 999 is not from 0 to 255"),
        ("udp 192.0.2.1:1 > 192.0.2.2:9 data xy", "data: 'xy' is not bytes in hexadecimal"),
        ("tcp 192.0.2.1:1 > 192.0.2.2:9 [Q]", "flags in brackets are"),
        ("tcp 192.0.2.1:1 > 192.0.2.2:9 options " + "01" * 41, "room for 40 bytes of options, not for 41"),
        ("udp [::1]:1 > [::2]:9 df", "'df' says nothing of IPv6"),
        ("arp ::1 > ::2", "ARP is of IPv4"),
        ("udp 192.0.2.1:1 > 192.0.2.2:9 from 02", "from: '02' is not a MAC address"),
    ],
)
def test_what_is_no_packet(words: str, why: str) -> None:
    with pytest.raises(BadDescription) as error:
        described(words)
    assert why in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("words", ["TCP 192.0.2.1:1 > 192.0.2.2:2 syn ack", "tcp 192.0.2.1:1 > 192.0.2.2:2 Syn [.]"])
def test_protocols_and_flags_are_taken_in_either_case(words: str) -> None:
    assert described(words) == described("tcp 192.0.2.1:1 > 192.0.2.2:2 [S.]")


def test_an_acknowledgment_with_a_number_is_no_flag_alone() -> None:
    assert described("tcp 192.0.2.1:1 > 192.0.2.2:2 ack 7").fields == {"ack": 7}
