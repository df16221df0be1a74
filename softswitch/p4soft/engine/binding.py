"""The C side as Python sees it: declarations for cffi's ABI mode (they mirror what native/ exports)."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import cffi

from p4soft.api import EngineError, EntryExists, EntryNotFound, InvalidValue, TableFull
from p4soft.engine.toolchain import build, sanitizing

NATIVE = Path(__file__).resolve().parent.parent / "native"
PROGRAM = NATIVE / "program"
"""Headers of generated programs, the only ones that they include."""
NO_ACTION = 0xFFFF
END = 0xFFFFFFFF

_DECLARATIONS = """
struct p4s_update {
  uint32_t kind, action;
  int32_t priority;
  uint32_t key_at, params_at;
  uint64_t idle, cookie;
};
struct p4s_stats {
  uint64_t rx_packets, rx_bytes, rx_dropped, tx_packets, tx_bytes, tx_dropped, rx_large, tx_large, rx_oversize;
};
struct p4s_port_image { uint32_t number, kind, offload; char name[32]; struct p4s_stats stats; };
struct p4s_replica { uint32_t port, instance; };
struct p4s_wire_param { uint32_t id, bits; };
struct p4s_wire_action { uint32_t id, index, first_param, nparams; };
struct p4s_wire_field { uint32_t id, bits, kind; };
struct p4s_wire_table { uint32_t id, index, flags, first_field, nfields, first_action, nactions; };
struct p4s_grant { uint64_t high, low; const char *role; uint32_t role_len; };
struct p4s_outcome { uint32_t count; const int32_t *results; const uint32_t *tables, *ids; };
void *p4s_new(int32_t cpu_port, uint32_t workers, int by_port);
void p4s_free(void *s);
int p4s_load(void *s, const void *prog);
int p4s_drain(void *s, uint64_t timeout_ns);
int p4s_add_memory_port(void *s, uint32_t number);
int p4s_add_interface(void *s, uint32_t number, const char *interface, int offload);
int p4s_remove_port(void *s, uint32_t number);
uint32_t p4s_ports(void *s, struct p4s_port_image *out, uint32_t room);
int p4s_inject(void *s, uint32_t port, const uint8_t *data, uint32_t len);
uint64_t p4s_collect(void *s, uint8_t *out, uint64_t room);
uint64_t p4s_poll(void *s, uint8_t *out, uint64_t room, uint32_t limit);
int p4s_event_fd(void *s);
int p4s_output_fd(void *s);
void p4s_drops(void *s, uint64_t *out);
int p4s_update(void *s, uint32_t table, const struct p4s_update *u, const uint8_t *bytes);
void *p4s_writer_new(void *s, uint64_t device);
void p4s_writer_free(void *w);
int p4s_writer_tables(void *w, const struct p4s_wire_table *tables, uint32_t ntables,
                      const struct p4s_wire_field *fields, uint32_t nfields, const struct p4s_wire_action *actions,
                      uint32_t nactions, const struct p4s_wire_param *params, uint32_t nparams);
int p4s_writer_grants(void *w, const struct p4s_grant *grants, uint32_t n);
int p4s_write(void *w, const uint8_t *data, uint64_t len, struct p4s_outcome *outcome);
struct p4s_rpc_event { uint64_t stream; uint32_t kind; uint64_t len; const uint8_t *data; };
void *p4s_front_new(void *writer);
void p4s_front_free(void *f);
int p4s_front_listen(void *f, int fd);
int p4s_front_adopt(void *f, int fd);
int p4s_front_fd(void *f);
uint32_t p4s_front_run(void *f);
uint32_t p4s_front_tick(void *f);
void p4s_front_flush(void *f);
int p4s_front_next(void *f, struct p4s_rpc_event *out);
int64_t p4s_front_send(void *f, uint64_t stream, const uint8_t *data, uint64_t len, uint32_t limit);
void p4s_front_finish(void *f, uint64_t stream, uint32_t status, const char *message, uint64_t message_len,
                      const char *details, uint64_t details_len);
uint32_t p4s_image_size(void *s, uint32_t table);
int p4s_get(void *s, uint32_t table, const uint8_t *key, int32_t priority, uint8_t *out);
uint64_t p4s_entries(void *s, uint32_t table, uint32_t *at, uint8_t *out, uint64_t room);
uint32_t p4s_table_count(void *s, uint32_t table);
uint32_t p4s_entry_bytes(void *s, uint32_t table);
int p4s_set_list(void *s, uint32_t table, uint32_t id, const uint32_t *members, uint32_t n);
int p4s_set_default(void *s, uint32_t table, uint32_t action, const uint8_t *params);
uint32_t p4s_get_default(void *s, uint32_t table, uint8_t *params);
void p4s_default_counter(void *s, uint32_t table, uint64_t *out);
int p4s_set_direct_counter(void *s, uint32_t table, const uint8_t *key, int32_t priority, uint64_t packets,
                           uint64_t bytes);
int p4s_set_direct_meter(void *s, uint32_t table, const uint8_t *key, int32_t priority, const uint64_t *config);
int p4s_direct_meter(void *s, uint32_t table, const uint8_t *key, int32_t priority, uint64_t *config);
void p4s_write_meter(void *s, uint32_t array, uint32_t index, const uint64_t *config);
int p4s_read_meter(void *s, uint32_t array, uint32_t index, uint64_t *config);
void p4s_read_counters(void *s, uint32_t array, uint32_t first, uint32_t n, uint64_t *out);
void p4s_write_counter(void *s, uint32_t array, uint32_t index, uint64_t packets, uint64_t bytes);
void p4s_read_registers(void *s, uint32_t array, uint32_t first, uint32_t n, uint8_t *out);
void p4s_write_register(void *s, uint32_t array, uint32_t index, const uint8_t *cell);
uint64_t p4s_replay(void *s, uint32_t port, const uint8_t *frames, uint32_t length, uint32_t n);
int p4s_trace(void *s, int fd, int each);
int p4s_pcap_start(void *s);
void p4s_pcap_stop(void *s);
int p4s_pcap_open(void *s, uint32_t port, const char *received, const char *sent);
void p4s_pcap_close(void *s, uint32_t port);
int p4s_set_group(void *s, int which, uint32_t id, const struct p4s_replica *replicas, uint32_t n, uint32_t truncate);
"""

ffi = cffi.FFI()
ffi.cdef(_DECLARATIONS)
_programs = cffi.FFI()
_programs.cdef("extern const char p4s_program[];")


@lru_cache(maxsize=2)
def _runtime(sanitize: bool) -> Any:
    del sanitize  # a key of the cache
    return ffi.dlopen(str(build("core", sorted(NATIVE.rglob("*.c")), {}, NATIVE)))


def runtime() -> Any:
    """The fixed runtime, compiled on first use. Raises ToolchainError."""
    return _runtime(sanitizing())


def program(text: str) -> tuple[Any, Any]:
    """(library, pointer to its struct p4s_prog) of a generated C file. Raises ToolchainError."""
    library: Any = _programs.dlopen(str(build("program", [], {"program.c": text}, PROGRAM)))
    return library, ffi.cast("const void *", _programs.addressof(library, "p4s_program"))


def check(rc: int, what: str) -> None:
    """Raise the error that a negative result stands for. ``what`` is the subject of the message."""
    if rc >= 0:
        return
    if rc == -1:
        raise EntryExists(f"{what} exists already")
    if rc == -2:
        raise EntryNotFound(f"{what} does not exist")
    if rc == -3:
        raise TableFull(f"{what} does not fit: the table is full")
    if rc == -4:
        raise InvalidValue(f"{what} is not valid: a value is out of range")
    if rc == -5:
        raise EngineError(f"{what}: out of memory")
    raise EngineError(f"{what}: error {rc}")
