"""What pip calls to build Plait (PEP 517): setuptools, and with `PLAIT_MYPYC=1` mypyc before it.

    pip install .                   pure Python, on any machine: the default and the reference
    PLAIT_MYPYC=1 pip install .     the same source, and extension modules made of it beside it

mypyc is a build requirement only where it is asked for: `get_requires_for_build_wheel` says so to pip, which installs
it where it builds and nowhere else. `setup.py` reads what is here; docs/compiled.md tells the rest.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from setuptools import build_meta
from setuptools.build_meta import (
    build_sdist,
    get_requires_for_build_editable,
    get_requires_for_build_sdist,
    prepare_metadata_for_build_editable,
    prepare_metadata_for_build_wheel,
)

if TYPE_CHECKING:
    from setuptools import Extension

__all__ = [
    "build_editable",
    "build_sdist",
    "build_wheel",
    "get_requires_for_build_editable",
    "get_requires_for_build_sdist",
    "get_requires_for_build_wheel",
    "prepare_metadata_for_build_editable",
    "prepare_metadata_for_build_wheel",
]

VARIABLE = "PLAIT_MYPYC"
COMPILER = ["mypy[mypyc]==2.4.1"]  # Pinned: another version may refuse what this one takes.
ROOT = Path(__file__).parent.parent

_makes_wheel = False  # A compiled one, now.

INTERPRETED = frozenset(
    (
        "hpack_codec/__init__.py",
        "hpack_codec/__main__.py",
        "hpack_codec/explain.py",
        "hpack_codec/fields.py",  # A subclass of tuple, which mypyc does not have.
        "hpack_codec/huffman_codes.py",  # A table: the C compiler takes ten minutes and more for it.
        "hpack_codec/static_table.py",  # Another.
        "http2/__init__.py",
        "http2/__main__.py",
        "http2/config.py",  # Says which field has a value of the wrong type before mypyc says only that one has.
        "http2/explain.py",
    )
)
"""Files of the two lower packages that stay as they are: the borders that programs see, tools, what mypyc cannot."""

GRPC = ("calls", "compression", "counters", "deadline", "headers", "inbox", "session", "wire")
"""The part of `grpc_core` that each call goes through and that does no I/O, but for what programs may subclass."""


def is_wanted() -> bool:
    """Whether the environment asks for the compiled build. Raises SystemExit for a value that says neither."""
    value = os.environ.get(VARIABLE, "")
    if value not in ("", "0", "1"):
        raise SystemExit(f"{VARIABLE} is {value!r}; it may be 1 (compile with mypyc) or 0 (do not)")
    return value == "1"


def compiled_files() -> list[str]:
    """The source files to compile, as paths from the root of the project, in their order."""
    lower = [
        path.relative_to(ROOT).as_posix()
        for package in ("hpack_codec", "http2")
        for path in (ROOT / package).glob("*.py")
    ]
    return sorted({*lower, *(f"grpc_core/{name}.py" for name in GRPC)} - INTERPRETED)


def extensions() -> list[Extension]:
    """The extension modules for setuptools: none, or one for each compiled file and one that holds the code of all.

    setuptools runs `setup.py` for every question of pip's, mostly before mypyc is installed; only a wheel needs them.
    """
    if not _makes_wheel:
        return []
    from mypyc.build import mypycify

    # The figures of docs/compiled.md are with these. All C in one file takes the compiler far more memory and time.
    made: list[Extension] = mypycify(
        ["--config-file=setup.cfg", *compiled_files()],
        opt_level="2",
        debug_level="0",
        multi_file=True,
        group_name="plait",
    )
    return made


def get_requires_for_build_wheel(config_settings: Any = None) -> list[str]:
    """What pip installs where it builds a wheel: mypyc only if it is asked for."""
    return [*build_meta.get_requires_for_build_wheel(config_settings), *(COMPILER if is_wanted() else [])]


def build_wheel(wheel_directory: str, config_settings: Any = None, metadata_directory: str | None = None) -> str:
    """Build the wheel; the name of its file."""
    global _makes_wheel
    _makes_wheel = is_wanted()
    return str(build_meta.build_wheel(wheel_directory, config_settings, metadata_directory))


def build_editable(wheel_directory: str, config_settings: Any = None, metadata_directory: str | None = None) -> str:
    """Build the wheel that points back here. It is never compiled: what one edits would not be what runs."""
    if is_wanted():
        raise SystemExit(f"{VARIABLE}=1 does not go with an editable install: edits would not be what runs")
    return str(build_meta.build_editable(wheel_directory, config_settings, metadata_directory))
