"""Huffman coding of string literals (RFC 7541 §5.2).

Encoding writes the codes one after the other and fills the last octet with ones, the beginning of EOS.

Decoding is a finite automaton over whole octets. A state is what is left of the input after the last
complete code: a proper prefix of some code, 256 in all. From each, an octet leads to another and completes
no, one or two symbols. The 65,536 transitions are computed from Appendix B when they are first taken, so a
process pays only for the text it meets, a hundred or two for ordinary headers; the bound on what a hostile
peer can make it remember is that number, once for the process.

A string may end only in a state that is valid padding: nothing, or one to seven ones (§5.2: "A padding
strictly longer than 7 bits MUST be treated as a decoding error", and "A padding not corresponding to the
most significant bits of the code for the EOS symbol" too). EOS itself leads to a state that is never left.
"""

from hpack_codec.errors import HpackError
from hpack_codec.huffman_codes import CODES, EOS

_RULE = "RFC 7541 §5.2"
_PADDING_BITS_MAX = 7
_SHORTEST_CODE_BITS = 5
_SLICE_OCTETS = 1024  # A string that might pass its limit is decoded in slices, and stops at the slice that does.

_Transition = tuple["_State", bytes]


class _State(dict[int, _Transition]):
    """The automaton after `pending`, the bits of an incomplete code: octet -> (next state, symbols completed)."""

    __slots__ = ("pending",)

    def __init__(self, pending: str) -> None:
        self.pending = pending

    def __missing__(self, octet: int) -> _Transition:
        code = self.pending
        symbols = bytearray()
        for bit in f"{octet:08b}":
            if code == _EOS_CODE:
                break
            code += bit
            symbol = _SYMBOLS.get(code, EOS)
            if symbol != EOS:
                symbols.append(symbol)
                code = ""
        transition = self[octet] = _STATES.setdefault(code, _State(code)), bytes(symbols)
        return transition

    def fault(self) -> str:
        """Why a string must not end here; empty if it may."""
        if "0" in self.pending:
            return f"Huffman padding {self.pending!r} is not the beginning of EOS, or a code is cut short"
        if self.pending == _EOS_CODE:
            return "Huffman string contains EOS"
        if len(self.pending) > _PADDING_BITS_MAX:
            return f"Huffman padding of {len(self.pending)} bits, allowed {_PADDING_BITS_MAX}"
        return ""


_EOS_CODE = CODES[EOS]
_SYMBOLS = {code: symbol for symbol, code in enumerate(CODES)}
_STATES = {"": _State("")}
_START: _Transition = (_STATES[""], b"")


def huffman_decode(octets: bytes, *, bytes_max: int, offset: int = 0) -> bytes:
    """The string that `octets` encode.

    Raises `HpackError` (with `offset`, the string's place in its block) for EOS, for wrong padding, and as
    soon as the result is known to pass `bytes_max`.
    """
    if len(octets) * 8 // _SHORTEST_CODE_BITS > bytes_max:
        return _decode_in_slices(octets, bytes_max, offset)
    state = _START[0]
    decoded: list[bytes] = []
    append = decoded.append
    for octet in octets:
        state, symbols = state[octet]
        append(symbols)
    if fault := state.fault():
        raise HpackError(fault, rule=_RULE, offset=offset)
    return b"".join(decoded)


def _decode_in_slices(octets: bytes, bytes_max: int, offset: int) -> bytes:
    state = _START[0]
    decoded = bytearray()
    for begin in range(0, len(octets), _SLICE_OCTETS):
        for octet in octets[begin : begin + _SLICE_OCTETS]:
            state, symbols = state[octet]
            decoded += symbols
        if len(decoded) > bytes_max:
            raise HpackError(f"Huffman string decodes to more than {bytes_max} bytes", rule=_RULE, offset=offset)
    if fault := state.fault():
        raise HpackError(fault, rule=_RULE, offset=offset)
    return bytes(decoded)


def huffman_encode(octets: bytes) -> bytes:
    """`octets` in the code of Appendix B, padded to whole octets with the beginning of EOS.

    The bits are gathered as text and converted once: measured 1.9 times as fast as shifting an integer.
    """
    bits = "".join([CODES[octet] for octet in octets])
    length = (len(bits) + 7) >> 3
    return int(bits + "1" * (length * 8 - len(bits)) or "0", 2).to_bytes(length, "big")
