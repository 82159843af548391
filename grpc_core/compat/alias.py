"""The finder that answers for `grpc`, and putting it in its place and taking it away."""

from __future__ import annotations

import importlib
import importlib.abc
import sys
import threading
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, Final

from grpc_core.compat.names import MODULES, PUBLIC


class AlreadyImported(RuntimeError):
    """`grpc` has been imported, and it is grpcio's."""


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds and loads the modules of `MODULES`."""

    def find_spec(self, fullname: str, path: Any = None, target: ModuleType | None = None) -> ModuleSpec | None:
        if fullname not in MODULES:
            return None  # below our `grpc`, whose path is empty, nobody else finds anything either
        is_package = any(name.startswith(f"{fullname}.") for name in MODULES)
        return ModuleSpec(fullname, self, origin="grpc_core.compat", is_package=is_package)

    def exec_module(self, module: ModuleType) -> None:
        """Give the module its names; each is looked for when it is first asked for."""
        name = module.__name__
        places = MODULES[name]
        below = {other[len(name) + 1 :] for other in MODULES if other.rpartition(".")[0] == name}
        names = vars(module)

        def find(asked: str) -> Any:
            if asked in below:
                return importlib.import_module(f"{name}.{asked}")
            place = places.get(asked)
            if place is None:
                raise AttributeError(f"module {name!r} has no attribute {asked!r} (it is Plait's, by grpc_core.compat)")
            where, _, attribute = place.partition(":")
            value = names[asked] = getattr(importlib.import_module(where), attribute)
            return value

        names["__doc__"] = f"Plait by the name of {name}; see grpc_core.compat."
        names["__getattr__"] = find
        names["__dir__"] = lambda: sorted({*names, *places, *below})
        if name in PUBLIC:
            names["__all__"] = list(PUBLIC[name])
        if "__version__" in places:
            find("__version__")


_finder: Final = _Finder()
_lock: Final = threading.Lock()
_set_aside: dict[str, ModuleType] = {}
"""grpcio's modules that `force` has pushed out."""


def is_installed() -> bool:
    """Whether `import grpc` gets Plait."""
    return _finder in sys.meta_path


def install_as_grpc(*, force: bool = False) -> None:
    """From now on `import grpc` gets Plait. To be called before anything imports grpc; a second call does nothing.

    Raises AlreadyImported when grpcio has been imported. With `force` it is pushed out of `sys.modules` instead:
    modules that have imported it keep it, and what they make with it does not mix with what is made with Plait.
    """
    with _lock:
        if is_installed():
            return
        foreign = _loaded()
        if foreign and not force:
            raise AlreadyImported(
                f"grpc has been imported already, from {getattr(foreign.get('grpc'), '__file__', None)}: call "
                "install_as_grpc() before the first import of grpc and of all that imports it, or with force=True, "
                "which leaves it to those that have it"
            )
        for name in foreign:
            del sys.modules[name]
        _set_aside.update(foreign)
        sys.meta_path.insert(0, _finder)
    importlib.import_module("grpc")


def uninstall() -> None:
    """From now on `import grpc` gets grpcio, where it is installed. Modules that have imported Plait keep it."""
    with _lock:
        if not is_installed():
            return
        sys.meta_path.remove(_finder)
        for name in _loaded():
            del sys.modules[name]
        sys.modules.update(_set_aside)
        _set_aside.clear()


def _loaded() -> dict[str, ModuleType]:
    """What is in `sys.modules` as grpc, and below it."""
    return {name: module for name, module in sys.modules.items() if name == "grpc" or name.startswith("grpc.")}
