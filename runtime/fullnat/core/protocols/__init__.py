"""Protocols: what opens a session, which states it goes through, how long each may last. One module each; finding them
here registers them.

:data:`fullnat.core.protocols.base.PROTOCOLS` has them by their names in the configuration. A new one is a module here.
"""

from importlib import import_module
from pkgutil import iter_modules

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")
