"""The tables of the P4 program as the controller sees them, one module each; finding them here registers them.

A new table is a module here beside the P4: its entry (a NamedTuple of ints and addresses), its key and actions by their
names in P4Info, what its entries lead to, and, where the configuration says what it holds, how. Codec, mirror, writer
and reconciliation are generic over :data:`fullnat.tables.table.TABLES`.
"""

from importlib import import_module
from pkgutil import iter_modules

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")
