"""Room in tables that begin with entries of the program and take more from clients.

p4c writes the number of those entries as the size of the table into the BMv2 JSON, whatever the program says: BMv2
takes no others. P4Info has the size that the program declares.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from finsy.proto import p4i, p4r


def sized(config: p4r.ForwardingPipelineConfig) -> bytes:
    """The device config for the engine: that of ``config``, with P4Info's larger sizes of such tables."""
    sizes = {table.preamble.name: table.size for table in config.p4info.tables if _takes_more(table)}
    if not sizes:
        return config.p4_device_config
    try:
        document = json.loads(config.p4_device_config)
    except (ValueError, RecursionError):
        return config.p4_device_config  # which the engine refuses
    for table in _tables(document):
        size, held = sizes.get(table.get("name", "")), table.get("max_size")
        if size is not None and isinstance(held, int) and size > held:
            table["max_size"] = size
    return json.dumps(document).encode()


def _takes_more(table: p4i.Table) -> bool:
    return table.has_initial_entries and not table.is_const_table


def _tables(document: Any) -> Iterator[dict[str, Any]]:
    pipelines = document.get("pipelines") if isinstance(document, dict) else None
    for pipeline in pipelines if isinstance(pipelines, list) else ():
        tables = pipeline.get("tables") if isinstance(pipeline, dict) else None
        for table in tables if isinstance(tables, list) else ():
            if isinstance(table, dict):
                yield table
