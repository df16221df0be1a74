"""Table ``bucket``: which real server a bucket of a service without sessions leads to."""

from __future__ import annotations

from typing import NamedTuple

from fullnat.tables.table import Action, EntryKey, Owner, Table, register


class Bucket(NamedTuple):
    group: int
    """That of the service's entry."""
    bucket: int
    server_id: int


class BucketTable(Table[Bucket]):
    name = "bucket"
    entry = Bucket
    key = ("group", "bucket")
    actions = (Action("bucket_server", ("server_id",)),)
    owner = Owner.BUCKETS
    optional = True

    def requires(self, entry: Bucket) -> tuple[EntryKey, ...]:
        return (("server_in", entry.server_id),)


register(BucketTable)
