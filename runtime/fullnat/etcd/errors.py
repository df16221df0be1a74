"""What can go wrong with etcd; every message is one line with what to do about it."""

from __future__ import annotations

import re

import grpc

_PREFIX = re.compile(r"^(etcdserver|auth|rpc error|etcd): *")
LONGEST = 200
"""Characters of what etcd or gRPC says that are told."""


class EtcdError(Exception):
    """Base of all of them."""


class Unreachable(EtcdError):
    """No member answers, or there is no majority of them: this may pass."""


class Denied(EtcdError):
    """etcd refuses the user, the password, or what the user asks for."""


class Full(EtcdError):
    """etcd takes no more: its quota is used up, or what it is to take is too large."""


class Compacted(EtcdError):
    """What has changed since that revision is forgotten; only what there is now can be read."""


class Unfit(EtcdError):
    """What is in etcd is none of ours, or damaged."""


_TRY = "see --etcd and `etcdctl endpoint health`"
_QUOTA = "compact and defragment etcd, then `etcdctl alarm disarm`"
_NO_TLS = "does it speak TLS? If not, it is http:// in --etcd"
_BY_TEXT: tuple[tuple[str, type[EtcdError], str], ...] = (
    ("required revision has been compacted", Compacted, "what changed meanwhile is read anew"),
    ("database space exceeded", Full, _QUOTA),
    ("request is too large", Full, "raise etcd's --max-request-bytes"),
    ("too many operations in txn", Full, "raise etcd's --max-txn-ops to 128"),
    ("authentication failed", Denied, "see --etcd-user and --etcd-password-file"),
    ("permission denied", Denied, "let the user read and write the prefix: etcdctl role grant-permission"),
    ("user name is empty", Denied, "etcd wants a user: --etcd-user and --etcd-password-file"),
    ("user name not found", Denied, "see --etcd-user"),
    ("invalid auth token", Denied, "the controller asks for another one"),
    ("revision in header is old", Denied, "the controller asks for another token"),
    ("CERTIFICATE_VERIFY_FAILED", Unreachable, "its certificate is not signed by what --etcd-ca holds"),
    ("Handshake read failed", Unreachable, _NO_TLS),
    ("WRONG_VERSION_NUMBER", Unreachable, _NO_TLS),
    ("Hostname", Unreachable, "its certificate is for another name"),
)
"""By what etcd says (its rpctypes/error.go), or gRPC."""
RENEW = ("invalid auth token", "revision in header is old")
"""What a new token mends (etcd's simple tokens end after 300 s, and with the member that made them)."""


def of(error: grpc.RpcError, who: str) -> EtcdError:
    """``who``: the member that was asked."""
    said = str(error.details() or "no reason given")
    code = error.code()
    for words, kind, advice in _BY_TEXT:
        if words in said:
            return kind(f"etcd at {who}: {shortened(said)}; {advice}")
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return Unreachable(f"etcd at {who} does not answer in time; {_TRY}")
    if code in (grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNAUTHENTICATED):
        return Denied(f"etcd at {who}: {shortened(said)}; see --etcd-user and --etcd-password-file")
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED:
        return Full(f"etcd at {who}: {shortened(said)}; {_QUOTA}")
    return Unreachable(f"etcd at {who}: {shortened(said)}; {_TRY}")


def shortened(said: str) -> str:
    """One line, and not a long one."""
    line = _PREFIX.sub("", " ".join(said.split()))
    return line if len(line) <= LONGEST else f"{line[:LONGEST]}..."
