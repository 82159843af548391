"""Mutants: Plait's stack with one rule broken, and the cases that must notice.

    python -m tests.interop.conformance.mutants          # writes docs/conformance-mutants.md

A `Mutant` is one replacement in the source of `http2` or `hpack_codec`, written down in `mutants.txt`. `load` imports a
second copy of both packages with it, and the adapter of the kit on top. The tester keeps the copy that is right, so
that a broken codec cannot excuse itself, and no product code knows that it is tested so. What no line of the source can
show (an end that closes on everything, crashes or falls silent) is a stack around the adapter instead.

A mutant whose text is no longer in the source fails its test: it is changed together with the line that it breaks.
"""

from __future__ import annotations

import importlib
import importlib.machinery
import importlib.util
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType

from http2.errors import ErrorCode
from http2.frames import GOAWAY, PING, RST_STREAM, SETTINGS_ACK, build_goaway, build_settings
from interop.conformance.memory import MemoryConnector
from interop.conformance.run import KNOWN_BODY
from interop.conformance.stacks.plait import PlaitClient, PlaitServer
from tests.interop.conformance.fakes import frames_of

TABLE = Path(__file__).with_name("mutants.txt")
GRPC_TABLE = Path(__file__).with_name("mutants_grpc.txt")
PAGE = Path(__file__).resolve().parents[3] / "docs" / "conformance-mutants.md"
ADAPTER = "interop.conformance.stacks.plait"
GRPC_ADAPTER = "interop.conformance.grpc.stack"
_FRESH = {
    ADAPTER: ("http2", "hpack_codec", ADAPTER),
    GRPC_ADAPTER: ("http2", "hpack_codec", "grpc_core", GRPC_ADAPTER),
}


@dataclass(frozen=True)
class Mutant:
    """One rule broken. `killed_by` are keys of cases, e.g. "server/PNG-01.echo-0"; `connector` makes the stack."""

    name: str
    what: str
    killed_by: tuple[str, ...]
    connector: Callable[[], MemoryConnector]
    where: str = "the adapter"


class _MutatingFinder(importlib.machinery.PathFinder):
    """Finds one module as ever, and loads it with its source changed."""

    def __init__(self, module: str, old: str, new: str) -> None:
        self.module, self.old, self.new = module, old, new

    def find_spec(  # type: ignore[override]
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """The spec of the module to change, None for every other."""
        if fullname != self.module:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path)
        assert spec is not None
        assert spec.origin is not None
        finder = self

        class Loader(importlib.machinery.SourceFileLoader):
            def get_code(self, fullname: str) -> object:
                source = Path(self.path).read_text("utf-8")
                assert source.count(finder.old) == 1, f"{source.count(finder.old)} times in {self.path}: {finder.old}"
                return compile(source.replace(finder.old, finder.new), self.path, "exec")

        spec.loader = Loader(fullname, spec.origin)
        return spec


@contextmanager
def _without_modules(adapter: str) -> Iterator[None]:
    """The packages and the adapter are imported anew inside, and are what they were outside."""
    packages = _FRESH[adapter]

    def fresh() -> list[str]:
        below = tuple(f"{each}." for each in packages)
        return [name for name in sys.modules if name.startswith(below) or name in packages]

    kept = {name: sys.modules.pop(name) for name in fresh()}
    try:
        yield
    finally:
        for name in fresh():
            del sys.modules[name]
        sys.modules.update(kept)
        package, _, name = adapter.rpartition(".")
        if adapter in kept:
            setattr(sys.modules[package], name, kept[adapter])


def load(module: str, old: str, new: str, adapter: str = ADAPTER) -> MemoryConnector:
    """Both roles of the adapter on a copy of the stack in which `old`, which is there once, is `new`."""
    finder = _MutatingFinder(module, old, new)
    with _without_modules(adapter):
        sys.meta_path.insert(0, finder)
        try:
            connector: MemoryConnector = importlib.import_module(adapter).connector()
        finally:
            sys.meta_path.remove(finder)
    return connector


# -- stacks around the adapter -----------------------------------------------------------------------------------------


class Closer:
    """The SETTINGS handshake, and the end of the connection at whatever comes next: what h2spec takes for a server."""

    def __init__(self) -> None:
        self.is_closed = False
        self._octets = 0
        self._greeting = build_settings({}) + SETTINGS_ACK

    def receive(self, octets: bytes) -> bytes:
        """Octets in, octets out."""
        self._octets += len(octets)
        output, self._greeting = (self._greeting, b"") if self._octets >= 39 else (b"", self._greeting)
        if not output and self._octets > 48:  # preface, SETTINGS with one entry, acknowledgement
            self.is_closed = True
        return output

    def receive_end(self) -> None:
        """Nothing is left to do."""


class _Around(PlaitServer):
    """Plait's server with what it says changed, frame by frame."""

    def receive(self, octets: bytes) -> bytes:
        return b"".join(self.say(frame) for frame in frames_of(super().receive(octets)))

    def say(self, frame: bytes) -> bytes:
        """A frame as it leaves."""
        return frame


def _is_error(frame: bytes) -> bool:
    return frame[3] in (GOAWAY, RST_STREAM)


class SilentCloser(_Around):
    """Serves every request, and closes without a word where an error is due."""

    gone = False

    def say(self, frame: bytes) -> bytes:
        """A frame as it leaves."""
        self.gone = self.gone or _is_error(frame)
        return b"" if self.gone else frame

    @property
    def is_closed(self) -> bool:
        """Whether it has closed."""
        return self.gone or super().is_closed


class GoesAway(_Around):
    """Says GOAWAY PROTOCOL_ERROR to everything that follows the handshake."""

    gone = False

    def receive(self, octets: bytes) -> bytes:
        """Octets in, octets out."""
        if self.connection.local.pending or not octets:
            return super().receive(octets)
        self.gone = True
        return build_goaway(0, ErrorCode.PROTOCOL_ERROR)

    @property
    def is_closed(self) -> bool:
        """Whether it has closed."""
        return self.gone or super().is_closed


class Crasher(_Around):
    """Raises where an error is due."""

    def say(self, frame: bytes) -> bytes:
        """A frame as it leaves."""
        if _is_error(frame):
            raise KeyError("stream")
        return frame


class Hanger(_Around):
    """Says nothing any more where an error is due, and does not close."""

    silent = False

    def say(self, frame: bytes) -> bytes:
        """A frame as it leaves."""
        self.silent = self.silent or _is_error(frame)
        return b"" if self.silent else frame

    @property
    def is_closed(self) -> bool:
        """Never."""
        return False


class Poisoned(_Around):
    """After one connection error no other connection of the process is served."""

    poisoned = False

    def say(self, frame: bytes) -> bytes:
        """A frame as it leaves."""
        was, type(self).poisoned = type(self).poisoned, type(self).poisoned or frame[3] == GOAWAY
        return b"" if was else frame


class Mixed(_Around):
    """Answers the second request of a connection with the body of another."""

    answers = 0

    def say(self, frame: bytes) -> bytes:
        """A frame as it leaves."""
        if KNOWN_BODY in frame:
            self.answers += 1
            return frame.replace(KNOWN_BODY, KNOWN_BODY[::-1]) if self.answers > 1 else frame
        return frame


class Deaf(_Around):
    """Answers no PING."""

    def say(self, frame: bytes) -> bytes:
        """A frame as it leaves."""
        return b"" if frame[3] == PING else frame


def _server(stack: type[PlaitServer] | type[Closer]) -> Callable[[], MemoryConnector]:
    def connector() -> MemoryConnector:
        if stack is Poisoned:
            return MemoryConnector(type("PoisonedOnce", (Poisoned,), {}), PlaitClient)
        return MemoryConnector(stack, PlaitClient)

    return connector


_AROUND: tuple[tuple[str, type[PlaitServer] | type[Closer], tuple[str, ...]], ...] = (
    ("closer", Closer, ("server/PNG-01.echo-0", "server/MSG-11.path", "server/STR-01.data", "server/SET-01.empty")),
    ("silent-closer", SilentCloser, ("server/STR-01.data", "server/MSG-11.path", "server/PNG-06.after-two")),
    ("goes-away", GoesAway, ("server/STR-01.data", "server/MSG-11.path", "server/PNG-01.echo-0")),
    ("crasher", Crasher, ("server/STR-01.data", "server/MSG-11.path")),
    ("hanger", Hanger, ("server/STR-01.data", "server/MSG-11.path")),
    ("poisoned", Poisoned, ("server/STR-01.data",)),
    ("mixed-bodies", Mixed, ("server/FRM-04.exchange", "server/PRI-01.closed")),
    ("deaf-to-ping", Deaf, ("server/PNG-01.echo-0",)),
)


def _first_line(stack: type) -> str:
    text = (stack.__doc__ or "").strip().partition("\n")[0]
    return text[0].lower() + text[1:].rstrip(".")


def _mutants() -> Iterator[Mutant]:
    for name, stack, killed_by in _AROUND:
        yield Mutant(name, _first_line(stack), killed_by, _server(stack))
    yield from read_table(TABLE.read_text("utf-8"))
    yield from read_table(GRPC_TABLE.read_text("utf-8"), GRPC_ADAPTER)


def read_table(text: str, adapter: str = ADAPTER) -> Iterator[Mutant]:
    """The mutants of a table: blocks of `name: what`, `module: keys`, old lines behind "-" and new ones behind "+"."""
    for block in text.split("\n\n"):
        lines = [line for line in block.splitlines() if not line.startswith("#")]
        if not lines:
            continue
        name, _, what = lines[0].partition(": ")
        module, _, keys = lines[1].partition(": ")
        old, new = ("\n".join(line[1:] for line in lines[2:] if line[0] == sign) for sign in "-+")
        yield Mutant(name, what, tuple(keys.split()), partial(load, module, old, new, adapter), module)


MUTANTS: tuple[Mutant, ...] = tuple(_mutants())


# -- the page ----------------------------------------------------------------------------------------------------------

_HEAD = """# The mutants of the conformance kit

Generated by `python -m tests.interop.conformance.mutants`; a test keeps it as it is.

A tool that finds nothing wrong with Plait may be one that finds nothing. So each of these {count} stacks is Plait's own
with one rule broken, and each of the named cases fails on it, at SHOULD or above. Where a mutant is a line of the
source, a copy of `http2` and `hpack_codec` (and of `grpc_core`, for the cases of calls) is imported with that line
changed; the tester keeps the right one. The first ones are stacks that h2spec takes for conforming, in part or wholly:
*closer* must fail at least 95 % of the cases that demand an error, and *silent-closer* as many at SHOULD.

| mutant | what it does | where | noticed by |
|--------|--------------|-------|------------|
"""


def page() -> str:
    """The table for people."""
    rows = [
        f"| `{mutant.name}` | {mutant.what} | {mutant.where} | {', '.join(f'`{key}`' for key in mutant.killed_by)} |"
        for mutant in MUTANTS
    ]
    return _HEAD.format(count=len(MUTANTS)) + "\n".join(rows) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
