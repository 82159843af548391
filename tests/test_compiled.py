"""The optional compiled build (docs/compiled.md): which build runs, and what pip is told to build.

`make test-compiled` runs the tests on the compiled build, and this file with them: `PLAIT_MYPYC` says there, as it does
to pip, that it is wanted.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import os
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

import hpack_codec
import http2

ROOT = Path(__file__).parent.parent
WANTED = os.environ.get("PLAIT_MYPYC") == "1"

_spec = importlib.util.spec_from_file_location("plait_build", ROOT / "build_backend" / "plait_build.py")
assert _spec is not None
assert _spec.loader is not None
plait_build = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(plait_build)

FILES = plait_build.compiled_files()


def test_what_runs_is_what_was_asked_for() -> None:
    assert (hpack_codec.IS_COMPILED, http2.IS_COMPILED) == (WANTED, WANTED)


@pytest.mark.parametrize("path", FILES)
def test_each_file_is_compiled_in_one_build_and_read_in_the_other(path: str) -> None:
    file = importlib.import_module(path.removesuffix(".py").replace("/", ".")).__file__
    assert file is not None
    assert file.endswith(tuple(EXTENSION_SUFFIXES) if WANTED else ".py")


def test_the_distribution_has_the_source_of_each_extension_module() -> None:
    """Tracebacks, debuggers and readers find the source in either build."""
    files = {file.as_posix() for file in importlib.metadata.files("plait") or ()}
    compiled = {file for file in files if file.endswith(tuple(EXTENSION_SUFFIXES))}
    modules = {file.split(".")[0] + ".py" for file in compiled}
    assert modules == ({*FILES, "plait__mypyc.py"} if WANTED else set())
    assert not WANTED or set(FILES) <= files


def test_all_of_the_lower_packages_is_compiled_but_what_is_named() -> None:
    present = {
        path.relative_to(ROOT).as_posix() for name in ("hpack_codec", "http2") for path in (ROOT / name).glob("*.py")
    }
    assert present - set(FILES) == plait_build.INTERPRETED, "and no name is left of a file that has gone"
    assert {path for path in FILES if not (ROOT / path).exists()} == set()


def test_the_compiler_is_required_only_where_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plait_build.build_meta, "get_requires_for_build_wheel", lambda settings: ["other"])
    for value, required in (("0", []), ("", []), ("1", plait_build.COMPILER)):
        monkeypatch.setenv("PLAIT_MYPYC", value)
        assert plait_build.is_wanted() == bool(required)
        assert plait_build.get_requires_for_build_wheel() == ["other", *required]
        assert plait_build.extensions() == [], "nobody builds a wheel"
    monkeypatch.delenv("PLAIT_MYPYC")
    assert plait_build.get_requires_for_build_wheel() == ["other"]


def test_another_value_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plait_build.build_meta, "get_requires_for_build_wheel", lambda settings: [])
    monkeypatch.setenv("PLAIT_MYPYC", "yes")
    with pytest.raises(SystemExit, match=r"PLAIT_MYPYC is 'yes'; it may be 1 \(compile with mypyc\) or 0 \(do not\)"):
        plait_build.get_requires_for_build_wheel()


def test_an_editable_install_is_never_compiled(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PLAIT_MYPYC", "1")
    with pytest.raises(SystemExit, match="does not go with an editable install"):
        plait_build.build_editable(str(tmp_path))
    assert list(tmp_path.iterdir()) == []
