import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpack_codec import HpackError, field_decoder
from hpack_codec.__main__ import main, run
from hpack_codec.decoder import STRING_BYTES_MAX, InstructionReader
from hpack_codec.explain import Step, describe, steps

ROOT = Path(__file__).parents[2]


def explained(*arguments: str, capsys: pytest.CaptureFixture[str], status: int = 0) -> tuple[str, str]:
    assert main(["explain", *arguments]) == status
    captured = capsys.readouterr()
    return captured.out, captured.err


def test_an_instruction_in_full(capsys: pytest.CaptureFixture[str]) -> None:
    out, err = explained("418cf1e3c2e5f23a6ba0ab90f4ff", capsys=capsys)
    assert err == ""
    assert out == (
        "octet 0: literal with incremental indexing (RFC 7541 §6.2.1)\n"
        "    41 8c f1 e3 c2 e5 f2 3a 6b a0 ab 90 f4 ff\n"
        "    bits 01 000001: prefix of 6 bits, value 1\n"
        "    name from index 1 of the static table, value a literal of 15 bytes\n"
        "    => :authority: www.example.com\n"
        "    table before: 0 entries, 0 bytes\n"
        "    table after: 1 entry, 57 bytes\n"
        "        [62] :authority: www.example.com\n"
        "\n"
    )


def test_every_representation_names_its_section(capsys: pytest.CaptureFixture[str]) -> None:
    out, _ = explained("3fe11f 82 4001610131 be 0001 6e 01 76 1001 6e 01 1b", capsys=capsys)
    for section in ("§6.1", "§6.2.1", "§6.2.2", "§6.2.3", "§6.3"):
        assert f"(RFC 7541 {section})" in out
    assert "maximum size of the dynamic table becomes 4096 bytes" in out
    assert "prefix of 5 bits, continued, value 4096" in out
    assert "field 62 of the dynamic table" in out
    assert "no intermediary may ever" in out
    assert "\x1b" not in out, "an escape sequence in a value must not reach the terminal"


def test_blocks_share_one_table(capsys: pytest.CaptureFixture[str]) -> None:
    out, _ = explained("40:01:61:01:31", "0xBE", capsys=capsys)
    assert "block 2 of 2" in out
    assert out.count("=> a: 1") == 2


def test_an_entry_too_large_for_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    out, _ = explained("4001610131", "--table", "33", capsys=capsys)
    assert "larger than the table" in out
    assert "table after: 0 entries, 0 bytes" in out


def test_a_bad_block_shows_what_came_before(capsys: pytest.CaptureFixture[str]) -> None:
    out, err = explained("82 c0", capsys=capsys, status=1)
    assert out.count("octet ") == 1
    assert err == "hpack_codec: index 64, allowed 1 to 61 (octet 1; RFC 7541 §6.1)\n"


@pytest.mark.parametrize(
    "arguments",
    [[], ["explain"], ["explain", "8"], ["explain", "xx"], ["explain", "é"]]
    + [["explain", "82", "--table", size] for size in ("-1", "x", "4294967296", "0" * 5000)],
)
def test_a_bad_command_line_is_one_line_and_status_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "error: " in capsys.readouterr().err.splitlines()[-1]


def test_as_a_program() -> None:
    command = [sys.executable, "-m", "hpack_codec", "explain"]
    good = subprocess.run([*command, "82"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (good.returncode, good.stderr) == (0, "")
    assert "=> :method: GET" in good.stdout
    bad = subprocess.run([*command, "80"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (bad.returncode, bad.stdout, len(bad.stderr.splitlines())) == (1, "", 1)


def test_a_reader_that_leaves_early_is_no_traceback(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Closed(io.StringIO):
        def flush(self) -> None:
            raise BrokenPipeError

        def fileno(self) -> int:
            return file.fileno()

    with (tmp_path / "stdout").open("w") as file:
        monkeypatch.setattr(sys, "stdout", Closed())
        monkeypatch.setattr(sys, "argv", ["hpack_codec", "explain", "82"])
        assert run() == 1


def outcome(read: Callable[[bytes], object], block: bytes) -> object:
    try:
        return read(block)
    except HpackError as error:
        return str(error)


@given(st.lists(st.binary(max_size=40), max_size=4))
def test_explains_exactly_what_the_decoder_decodes(blocks: list[bytes]) -> None:
    reader = InstructionReader(table_bytes_max=4096, string_bytes_max=STRING_BYTES_MAX)
    decoder = field_decoder()
    for block in blocks:
        executed: list[Step] = []

        def explain(block: bytes, executed: list[Step] = executed) -> object:
            executed.extend(steps(reader, block))
            return tuple(step.field for step in executed if step.field is not None)

        expected = outcome(decoder.decode, block)
        assert outcome(explain, block) == expected
        if isinstance(expected, str):
            return
        assert b"".join(step.octets for step in executed) == block
        assert all("\x1b" not in describe(step) for step in executed)
