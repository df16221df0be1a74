"""What tables of the switch hold, as far as known, and the updates to what they should."""

from __future__ import annotations

from collections.abc import Iterable

from fullnat.core.interface import Entry, Op, OwnAddress, Port, Route, ServerIn, ServerOut, VirtualService

EntryKey = tuple[str, int, int, int]
NOT_FOUND = 5
"""The canonical gRPC code."""


def entry_key(entry: Entry) -> EntryKey:
    """What identifies an entry in its table. TypeError for entries that are learned or made, not configured."""
    match entry:
        case Port():
            return "port", entry.port, 0, 0
        case OwnAddress():
            return "own_address", entry.address, 0, 0
        case VirtualService():
            return "virtual_service", entry.protocol, entry.vip, entry.vport
        case Route():
            return "ipv4_route", entry.prefix, entry.prefix_len, 0
        case ServerIn():
            return server_keys(entry.server_id)[0]
        case ServerOut():
            return server_keys(entry.server_id)[1]
    raise TypeError(f"{type(entry).__name__} is no configured entry")


def server_keys(server_id: int) -> tuple[EntryKey, EntryKey]:
    """What identifies a server's entries in server_in and server_out."""
    return ("server_in", server_id, 0, 0), ("server_out", server_id, 0, 0)


class Mirror:
    """Updates are taken for done when they are asked for; :meth:`failed` corrects that."""

    def __init__(self) -> None:
        self._installed: dict[EntryKey, Entry] = {}
        self._doubtful: set[EntryKey] = set()
        """There, but with what content is unknown: a modify was refused."""

    def found(self, entries: Iterable[Entry]) -> None:
        """The truth, read from the switch."""
        self._installed = {entry_key(entry): entry for entry in entries}
        self._doubtful.clear()

    def change(self, key: EntryKey, wanted: Entry | None) -> tuple[Op, Entry] | None:
        """The update that makes the switch hold ``wanted`` at ``key``; None when there is nothing to do."""
        old = self._installed.get(key)
        if wanted == old and key not in self._doubtful:
            return None
        self._doubtful.discard(key)
        if wanted is not None:
            self._installed[key] = wanted
            return (Op.INSERT if old is None else Op.MODIFY), wanted
        assert old is not None
        del self._installed[key]
        return Op.DELETE, old

    def change_to(self, desired: dict[EntryKey, Entry]) -> list[tuple[Op, Entry]]:
        """The fewest updates that make the switch hold ``desired``; deletions first, to make room."""
        surplus = [key for key in self._installed if key not in desired]
        updates = [self.change(key, None) for key in surplus]
        updates += [self.change(key, entry) for key, entry in desired.items()]
        return [update for update in updates if update is not None]

    def failed(self, operation: Op, entry: Entry, code: int) -> None:
        """An update was refused: the next change tries again."""
        key = entry_key(entry)
        if operation is Op.INSERT or (operation is Op.MODIFY and code == NOT_FOUND):
            self._installed.pop(key, None)
            self._doubtful.discard(key)
        elif operation is Op.MODIFY:
            if key in self._installed:
                self._doubtful.add(key)
        elif code != NOT_FOUND:
            self._installed.setdefault(key, entry)
