"""The bpf(2) system call, as far as it is needed. Raises BpfError."""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct

SOCK_OPS, CGROUP_SOCK_ADDR = 13, 18
"""Program types."""
ATTACH_SOCK_OPS, ATTACH_PEER_IPV4, ATTACH_PEER_IPV6 = 3, 29, 30
_SYSCALLS = {"x86_64": 321, "aarch64": 280, "riscv64": 280, "ppc64le": 361, "s390x": 351}
_MAP_CREATE, _PROG_LOAD, _PROG_ATTACH, _PROG_DETACH = 0, 5, 8, 9
_PROG_GET_FD_BY_ID, _OBJ_GET_INFO, _PROG_QUERY, _BTF_LOAD = 13, 15, 16, 18
_SK_STORAGE = 24
_NO_PREALLOC, _ALLOW_MULTI = 1, 2
_LOG_BYTES = 1 << 16
_ATTR_BYTES = 144
_libc = ctypes.CDLL(None, use_errno=True)


class BpfError(Exception):
    """The kernel refused; the message says what and why."""

    def __init__(self, what: str, code: int, log: str = "") -> None:
        hint = ""
        if code in (errno.EPERM, errno.EACCES) and not log:
            hint = " (root, or CAP_BPF and CAP_NET_ADMIN, is needed)"
        elif code in (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP):
            hint = " (Linux 5.10 or newer with CONFIG_CGROUP_BPF is needed)"
        tail = f"\n{log}" if log else ""
        super().__init__(f"{what}: {os.strerror(code)}{hint}{tail}")
        self.errno = code


def _bpf(what: str, command: int, attributes: bytes) -> tuple[int, bytes]:
    number = _SYSCALLS.get(platform.machine())
    if number is None:
        raise BpfError(f"{what} on {platform.machine()}", errno.ENOSYS)
    buffer = ctypes.create_string_buffer(attributes, _ATTR_BYTES)
    result = _libc.syscall(number, command, buffer, _ATTR_BYTES)
    if result < 0:
        raise BpfError(what, ctypes.get_errno())
    return result, buffer.raw


def _btf(value_bytes: int) -> int:
    """Type information of an int key and a value of so many bytes, which socket storage must have."""
    names = b"\0int\0value\0"
    types = struct.pack("=IIII", 1, 1 << 24, 4, 1 << 24 | 32) + struct.pack("=III", 5, 4 << 24, value_bytes)
    header = struct.pack("=HBBIIIII", 0xEB9F, 1, 0, 24, 0, len(types), len(types), len(names))
    data = ctypes.create_string_buffer(header + types + names, 24 + len(types) + len(names))
    attributes = struct.pack("=QQIII", ctypes.addressof(data), 0, len(data), 0, 0)
    return _bpf("cannot load type information", _BTF_LOAD, attributes)[0]


def socket_storage(value_bytes: int) -> int:
    """A map that keeps ``value_bytes`` with each socket; its file descriptor."""
    btf = _btf(value_bytes)
    try:
        head = struct.pack("=IIIIIII", _SK_STORAGE, 4, value_bytes, 0, _NO_PREALLOC, 0, 0)
        attributes = head + struct.pack("=16sIIII", b"toa_clients", 0, btf, 1, 2)
        return _bpf("cannot make a map of sockets", _MAP_CREATE, attributes)[0]
    finally:
        os.close(btf)


def load(name: str, kind: int, attach_type: int, code: bytes) -> int:
    """A program; its file descriptor."""
    instructions = ctypes.create_string_buffer(code, len(code))
    license_name = ctypes.create_string_buffer(b"Apache-2.0")
    log = ctypes.create_string_buffer(_LOG_BYTES)

    def attributes(level: int) -> bytes:
        head = struct.pack(
            "=IIQQ", kind, len(code) // 8, ctypes.addressof(instructions), ctypes.addressof(license_name)
        )
        logging = struct.pack("=IIQ", level, _LOG_BYTES if level else 0, ctypes.addressof(log) if level else 0)
        return head + logging + struct.pack("=II16sII", 0, 0, name.encode(), 0, attach_type)

    try:
        return _bpf(f"cannot load {name}", _PROG_LOAD, attributes(0))[0]
    except BpfError as error:
        if error.errno == errno.EPERM:
            raise
        try:
            return _bpf(f"cannot load {name}", _PROG_LOAD, attributes(1))[0]
        except BpfError as again:
            last = "\n".join(log.value.decode(errors="replace").splitlines()[-8:])
            raise BpfError(f"cannot load {name}", again.errno, last) from None


def attach(cgroup: int, program: int, attach_type: int) -> None:
    """To a cgroup directory's descriptor, beside what others attached; it stays until detached or the cgroup goes."""
    attributes = struct.pack("=IIII", cgroup, program, attach_type, _ALLOW_MULTI)
    _bpf("cannot attach to the cgroup", _PROG_ATTACH, attributes)


def detach(cgroup: int, program: int, attach_type: int) -> None:
    _bpf("cannot detach from the cgroup", _PROG_DETACH, struct.pack("=III", cgroup, program, attach_type))


def attached(cgroup: int, attach_type: int) -> list[tuple[str, int]]:
    """Name and an open descriptor of every program attached there."""
    ids = (ctypes.c_uint32 * 64)()
    head = struct.pack("=IIIIQI", cgroup, attach_type, 0, 0, ctypes.addressof(ids), len(ids))
    _, answer = _bpf("cannot list the cgroup's programs", _PROG_QUERY, head)
    found = []
    for identifier in ids[: struct.unpack_from("=I", answer, 24)[0]]:
        fd = _bpf("cannot open a program", _PROG_GET_FD_BY_ID, struct.pack("=III", identifier, 0, 0))[0]
        info = ctypes.create_string_buffer(232)
        _bpf("cannot read a program's name", _OBJ_GET_INFO, struct.pack("=IIQ", fd, len(info), ctypes.addressof(info)))
        found.append((info.raw[64:80].partition(b"\0")[0].decode(errors="replace"), fd))
    return found
