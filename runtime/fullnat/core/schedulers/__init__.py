"""Schedulers: which real server takes a new flow. One module each; finding them here registers them.

:data:`fullnat.core.schedulers.base.SCHEDULERS` has them by ipvsadm's names. A new one is a module here.
"""

from importlib import import_module
from pkgutil import iter_modules

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")
