"""The options ``--etcd...``: what they may say."""

from __future__ import annotations

from pathlib import Path

import pytest
from fullnat.etcd.settings import Endpoint, SettingError, endpoints, password, pem, prefix, require_usable
from p4rt.certificates import Authority


def test_members_are_urls_with_commas_between_them() -> None:
    assert endpoints("http://a:1, http://[2001:db8::1]") == ((Endpoint("a", 1), Endpoint("2001:db8::1", 2379)), False)
    assert endpoints("https://a.example:2379/") == ((Endpoint("a.example", 2379),), True)
    assert str(Endpoint("2001:db8::1", 2379)) == "[2001:db8::1]:2379"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "no member of etcd is named"),
        ("a:2379", "'a:2379' is no URL of an etcd member: https://HOST:2379"),
        ("ftp://a", "'ftp://a' is no URL"),
        ("http://a:99999", "'http://a:99999' is no URL"),
        ("http://user@a", "'http://user@a' is no URL"),
        ("http://a/path", "'http://a/path' is no URL"),
        ("http://a,https://b", "all http or all https"),
        ("http://a,http://a:2379", "http://a:2379 is named twice"),
    ],
)
def test_what_is_no_member(text: str, told: str) -> None:
    with pytest.raises(SettingError, match=told):
        endpoints(text)


@pytest.mark.parametrize("text", ["", "/", "fullnat", "/a b", "/a//b", "/ä", "/a/\n"])
def test_what_is_no_prefix(text: str) -> None:
    with pytest.raises(SettingError, match="is no prefix"):
        prefix(text)
    assert prefix("/fullnat/site-1/") == "/fullnat/site-1"


def test_files_that_cannot_be_used_are_told_with_their_option(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.write_text("\nsecond")
    with pytest.raises(SettingError, match=r"empty has no password in its first line$"):
        password(empty)
    with pytest.raises(SettingError, match=r"cannot read the password file .*none: No such file or directory$"):
        password(tmp_path / "none")
    with pytest.raises(SettingError, match=r"empty \(--etcd-ca\) is not PEM$"):
        pem(empty, "--etcd-ca")
    with pytest.raises(SettingError, match=r"none \(--etcd-key\): No such file or directory$"):
        pem(tmp_path / "none", "--etcd-key")
    not_one = tmp_path / "not-one"
    not_one.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    with pytest.raises(SettingError, match=r"not-one \(--etcd-ca\) holds no certificate that can be read$"):
        require_usable(not_one, None, None)
    (tmp_path / "word").write_text("s3cret\n")
    assert password(tmp_path / "word") == "s3cret"


def test_a_certificate_with_the_key_of_another_is_refused_before_anybody_is_asked(tmp_path: Path) -> None:
    """gRPC said that it failed to create something, and the controller tried for ever."""
    authority = Authority(tmp_path)
    ours, other = authority.issue("ours"), authority.issue("other")
    require_usable(authority.pair.cert, ours.cert, ours.key)
    with pytest.raises(SettingError, match=r"\(--etcd-cert\) and .* \(--etcd-key\) are no certificate and its key$"):
        require_usable(authority.pair.cert, ours.cert, other.key)
