"""HPK: HPACK (RFC 7541), and what RFC 9113 §4.3.1 and §6.5.2 add; `field_blocks` has what is about whole blocks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from hpack_codec.integers import encode_integer
from hpack_codec.representations import INCREMENTAL, NEVER_INDEXED, WITHOUT_INDEXING
from http2.errors import ErrorCode
from http2.settings import Setting
from interop.conformance.model import (
    Await,
    Begin,
    Behaviour,
    Case,
    Expectation,
    Finish,
    H2spec,
    Level,
    Mark,
    Role,
    Step,
    What,
    connection_error,
    either,
    malformed,
    send,
    works,
)
from interop.conformance.phrases import EXCHANGE, before_head, following, head, head_stream, message
from interop.conformance.script import (
    GET,
    POST,
    STREAM,
    Block,
    Indexed,
    Instruction,
    Literal,
    Octets,
    SizeUpdate,
    Symbol,
    TableSize,
    data,
    headers,
    idle,
    incremental,
    settings,
)
from interop.conformance.wire import show

COMPRESSION = connection_error(ErrorCode.COMPRESSION_ERROR)
TABLE_SIZE = int(Setting.HEADER_TABLE_SIZE)
ENTRY = incremental(b"x-kit", b"entered")
SECRET = Literal(b"x-kit", b"secret")
AFTER_ACK = Await(What.SETTINGS_ACK)
NOT_BY_FRAMES = {
    "HPK-09": "no frame makes an endpoint reduce its SETTINGS_HEADER_TABLE_SIZE; it is announced once",
    "HPK-15": "which fields are sensitive is for the application to say; the encoder has a test of its own",
    "HPK-21": "other encoders' output is a matter of files, not of frames; the codec has tests of its own with them",
}


def _starting(role: Role, *block: Instruction) -> tuple[Step, ...]:
    """A message whose block begins with these instructions."""
    return (*before_head(role), send(headers(head_stream(role), *block, *head(role))))


def _case(
    name: str, role: Role, clause: str, reason: str, steps: tuple[Step, ...], expectation: Expectation, *h2spec: H2spec
) -> Case:
    return Case(name, role, Level.MUST, f"RFC {clause}", reason, steps, expectation, h2spec=h2spec)


# -- blocks that cannot be decoded -------------------------------------------------------------------------------------


def _indices(role: Role) -> Iterator[Case]:
    """HPK-01 and HPK-02: indices that stand for nothing."""
    reason = "An index that is greater than the length of both tables MUST be a decoding error."
    many = (incremental(b"x-kit", b"v" * 2_000), incremental(b"x-more", b"w" * 2_000), Indexed(63))
    bad: tuple[tuple[str, str, tuple[Instruction, ...], str], ...] = (
        ("HPK-01.empty-table", "7541 §2.3.3", (Indexed(62),), "hpack/2.3.3/1"),
        ("HPK-01.behind-last", "7541 §2.3.3", (ENTRY, Indexed(63)), ""),
        ("HPK-01.evicted", "7541 §2.3.3", (*many[:2], incremental(b"x-last", b"z" * 100), Indexed(64)), ""),
        ("HPK-01.largest", "7541 §2.3.3", (Indexed(2**31 - 1),), ""),
        ("HPK-02.name-index", "7541 §6.2.1", (Literal(70, b"v"),), "hpack/2.3.3/2"),
        ("HPK-02.name-index-incremental", "7541 §6.2.1", (Literal(70, b"v", INCREMENTAL),), ""),
        ("HPK-02.name-index-never", "7541 §6.2.3", (Literal(70, b"v", NEVER_INDEXED),), ""),
    )
    for name, clause, block, mark in bad:
        marks = (H2spec(mark),) if mark else ()
        yield _case(name, role, clause, reason, message(role, *block), COMPRESSION, *marks)
    reason = "The index value of 0 is not used; it MUST be treated as a decoding error."
    zero = H2spec("hpack/6.1/1")
    yield _case("HPK-02.index-0", role, "7541 §6.1", reason, message(role, Indexed(0)), COMPRESSION, zero)
    reason = "Entries are found by their index until they are evicted."
    steps = (*message(role, many[0], many[1], Indexed(62), Indexed(63)), Finish())
    yield _case("HPK-01.before-eviction", role, "7541 §2.3.3", reason, steps, works())
    reason = "A decoding error in a field block MUST be a connection error of type COMPRESSION_ERROR."
    steps = (*before_head(role), send(headers(head_stream(role), Octets(b"\xff" * 16))))
    yield _case("HPK-01.garbage", role, "9113 §4.3", reason, steps, COMPRESSION, H2spec("http2/4.3/1"))


def _integers(role: Role) -> Iterator[Case]:
    """HPK-03 and HPK-04: integers that are too long, or not there to their end."""
    reason = "Integer encodings that exceed implementation limits, in value or length, MUST be decoding errors."
    for name, octets in (
        ("index-10-octets", b"\xff" + b"\x80" * 10 + b"\x01"),
        ("index-2-63", b"\xff" + b"\xff" * 8 + b"\x7f"),
        ("length-10-octets", b"\x00\x7f" + b"\x80" * 10 + b"\x01"),
        ("length-2-40", b"\x00\x7f\xff\xff\xff\xff\xff\x7f"),
        ("endless", b"\xff" + b"\x80" * 200),
    ):
        yield _case(f"HPK-03.{name}", role, "7541 §5.1", reason, message(role, Octets(octets)), COMPRESSION)
    steps = _starting(role, Octets(b"\x3f" + b"\xff" * 9 + b"\x01"))
    yield _case("HPK-03.size-10-octets", role, "7541 §5.1", reason, steps, COMPRESSION)
    reason = "An integer may have more octets than it needs, up to the decoder's limit."
    padded = Octets(b"\x00\x7f\x80\x80\x00" + b"x" * 127 + b"\x01v")
    allowed = either(works(), COMPRESSION)
    case = _case("HPK-03.longer-than-needed", role, "7541 §5.1", reason, (*message(role, padded), Finish()), allowed)
    yield replace(case, level=Level.MAY)
    reason = "An integer on a prefix of any length is found, also where it needs octets behind the prefix."
    lengths = (126, 127, 128, 254, 255, 256, 1_000)
    block = tuple(Literal(b"x-%d" % length, b"v" * length) for length in lengths)
    yield _case("HPK-03.lengths", role, "7541 §5.1", reason, (*message(role, *block), Finish()), works())
    reason = "An integer that the block cuts off is a decoding error."
    for name, octets in (
        ("index", b"\xff"),
        ("index-continued", b"\xff\x80"),
        ("name-index", b"\x0f"),
        ("name-index-incremental", b"\x7f"),
        ("name-length", b"\x00\x7f"),
        ("name-missing", b"\x00"),
        ("value-length", b"\x00\x01x\x7f"),
        ("value-missing", b"\x00\x01x"),
    ):
        yield _case(f"HPK-04.{name}", role, "7541 §5.1", reason, message(role, Octets(octets)), COMPRESSION)
    steps = (*before_head(role), send(headers(head_stream(role), Octets(b"\x3f"))))
    yield _case("HPK-04.table-size", role, "7541 §5.1", reason, steps, COMPRESSION)


def _strings(role: Role) -> Iterator[Case]:
    """HPK-05 and HPK-06: string literals, plain and with Huffman code."""
    reason = "A string that is longer than what is left of the block is a decoding error."
    for name, octets in (
        ("too-long", b"\x00\x0aabc"),
        ("value-too-long", b"\x00\x01x\x04abc"),
        ("huffman-too-long", b"\x00\x8aabc"),
        ("announces-2-31", b"\x00\x7f" + encode_integer(2**31, 7)[1:] + b"abc"),
    ):
        yield _case(f"HPK-05.{name}", role, "7541 §5.2", reason, message(role, Octets(octets)), COMPRESSION)
    bad: tuple[tuple[str, bytes, str, str], ...] = (
        ("padding-8-bits", b"\x1f\xff", "padding strictly longer than 7 bits", "hpack/5.2/1"),
        ("padding-16-bits", b"\x1f\xff\xff", "padding strictly longer than 7 bits", ""),
        ("padding-zero", b"\x18", "padding that is not the most significant bits of EOS", "hpack/5.2/2"),
        ("padding-one-zero-bit", b"\x1e", "padding that is not the most significant bits of EOS", ""),
        ("eos", b"\xff\xff\xff\xff", "the EOS symbol", "hpack/5.2/3"),
        ("eos-behind-a-symbol", b"\x1f\xff\xff\xff\xff", "the EOS symbol", ""),
        ("eos-alone", b"\xff\xff\xff\xfc", "the EOS symbol", ""),
    )
    for name, octets, what, mark in bad:
        value = Octets(b"\x00\x01x" + encode_integer(len(octets), 7, 0x80) + octets)
        marks = (H2spec(mark),) if mark else ()
        text = f"A Huffman-encoded string with {what} MUST be a decoding error."
        yield _case(f"HPK-06.{name}", role, "7541 §5.2", text, message(role, value), COMPRESSION, *marks)
    reason = "Strings may be Huffman-encoded, each by itself, with up to 7 bits of padding."
    yield _case(
        "HPK-06.empty", role, "7541 §5.2", reason, (*message(role, Octets(b"\x00\x01x\x80")), Finish()), works()
    )
    block = tuple(Literal(b"x-kit-%d" % length, b"a" * length, huffman=True) for length in range(1, 9))
    yield _case("HPK-06.every-padding", role, "7541 §5.2", reason, (*message(role, *block), Finish()), works())
    for start in range(0, 256, 16):
        symbols = bytes(octet for octet in range(start, start + 16) if octet not in b"\0\r\n")
        fields = tuple(Literal(b"x-kit", b"<" + bytes([octet]) + b">", huffman=True) for octet in symbols)
        visible = start >= 0x20 and 0x7F not in symbols
        allowed = works() if visible else either(works(), malformed())
        steps = (*message(role, *fields), Finish())
        yield _case(f"HPK-06.symbols-{start:#04x}", role, "7541 §5.2", reason, steps, allowed)
    for octet in b"\0\r\n":
        steps = (*message(role, Literal(b"x-kit", b"<" + bytes([octet]) + b">", huffman=True)), Finish())
        text = f"What a Huffman code stands for is looked at as anything else: {show(bytes([octet]))} is malformed."
        yield _case(f"HPK-06.symbol-{octet:#04x}", role, "9113 §8.2.1", text, steps, malformed())


def _huffman_requests() -> Iterator[Case]:
    """HPK-06: what was encoded is what is read, told by the answer."""
    reason = "A request whose strings are all Huffman-encoded is the same request."
    block = tuple(replace(item, huffman=True) for item in GET if isinstance(item, Literal))
    steps: tuple[Step, ...] = (send(headers(idle(), *block, end_stream=True)), Finish())
    yield _case("HPK-06.request", Role.SERVER, "7541 §5.2", reason, steps, works())
    for digits in (b"10", b"23", b"45", b"67", b"89"):
        length = int(digits)
        for name, wrong, allowed in (("", 0, works()), ("-wrong", 1, malformed())):
            field = Literal(b"content-length", digits, huffman=True)
            body = data(STREAM, b"d" * (length + wrong), end_stream=True)
            steps = (send(headers(idle(), *POST, field), body), Finish())
            yield _case(f"HPK-06.digits-{length}{name}", Role.SERVER, "7541 §5.2", reason, steps, allowed)


# -- the dynamic table -------------------------------------------------------------------------------------------------


def _size_updates(role: Role) -> Iterator[Case]:
    """HPK-08 and HPK-11: the table is resized."""
    reason = "A dynamic table size update MUST occur at the beginning of the field block."
    wrong: tuple[tuple[str, Block], ...] = (
        ("after-field", (SizeUpdate(100),)),
        ("in-the-middle", (SECRET, SizeUpdate(100), SECRET)),
        ("at-the-end", (SECRET, SizeUpdate(0))),
    )
    for name, block in wrong:
        marks = (H2spec("hpack/4.2/1"),) if name == "at-the-end" else ()
        yield _case(f"HPK-08.{name}", role, "7541 §4.2", reason, message(role, *block), COMPRESSION, *marks)
    reason = "A size update may begin a block, and two may; afterwards the table has the size of the last."
    right: tuple[tuple[str, Block, int], ...] = (
        ("one", (SizeUpdate(1_000),), 14),
        ("two", (SizeUpdate(0), SizeUpdate(4_096)), 15),
        ("same-size", (SizeUpdate(4_096),), 0),
    )
    for name, block, count in right:
        marks = (H2spec(f"generic/5/{count}"),) if count and role is Role.SERVER else ()
        steps = (*_starting(role, *block), Finish(), *following(role, ENTRY, Indexed(62)))
        yield _case(f"HPK-08.{name}", role, "7541 §4.2", reason, steps, works(), *marks)
    steps = _starting(role, SizeUpdate(0), SizeUpdate(100), SizeUpdate(200))
    reason = "More than two size updates in a row say nothing that two could not; a decoder may refuse them."
    case = _case("HPK-08.three", role, "7541 §4.2", reason, steps, either(COMPRESSION, works()))
    yield replace(case, level=Level.MAY)
    reason = "A size above the limit of the decoder, SETTINGS_HEADER_TABLE_SIZE, MUST be a decoding error."
    steps = _starting(role, SizeUpdate(TableSize(1)))
    mark = H2spec("hpack/6.3/1", Mark.BROKEN)
    yield _case("HPK-08.too-large", role, "7541 §6.3", reason, steps, COMPRESSION, mark)
    steps = (*_starting(role, SizeUpdate(TableSize(0))), Finish())
    yield _case("HPK-08.largest", role, "7541 §6.3", "It may be as large as the limit.", steps, works())
    reason = "A table whose size becomes 0 is empty: an index that was valid before is a decoding error."
    steps = (*message(role, ENTRY), Finish(), *_starting(role, SizeUpdate(0), SizeUpdate(4_096), Indexed(62)))
    yield _case("HPK-11.emptied", role, "7541 §4.3", reason, steps, COMPRESSION)
    steps = (*message(role, ENTRY), Finish(), *_starting(role, SizeUpdate(30), SizeUpdate(4_096), Indexed(62)))
    yield _case("HPK-11.evicted-by-size", role, "7541 §4.3", reason, steps, COMPRESSION)


def _evictions(role: Role) -> Iterator[Case]:
    """HPK-11: entries that make others leave."""
    reason = "An entry larger than the table empties it, and that is no error."
    large = incremental(b"x-large", b"l" * 4_096)
    steps = (*message(role, ENTRY, large), Finish(), *following(role, ENTRY, Indexed(62)))
    yield _case("HPK-11.too-large", role, "7541 §4.4", reason, steps, works())
    steps = (*message(role, ENTRY, large), Finish(), *message(role, Indexed(62)))
    yield _case("HPK-11.too-large-empties", role, "7541 §4.4", reason, steps, COMPRESSION)
    reason = "A new entry may take its name from the entry that it makes leave."
    name = b"x-" + b"n" * 1_998
    first = incremental(name, b"1" * 1_000)
    second = Literal(62, b"2" * 2_000, INCREMENTAL)
    steps = (*message(role, first, second, Indexed(62)), Finish(), *following(role, Indexed(62)))
    yield _case("HPK-11.name-of-evicted", role, "7541 §4.4", reason, steps, works())
    steps = (*message(role, first, second), Finish(), *message(role, Indexed(63)))
    yield _case("HPK-11.first-is-gone", role, "7541 §4.4", reason, steps, COMPRESSION)
    reason = "The size of an entry is its name, its value and 32 octets: 113 small entries fit into 4,096 octets."
    block = tuple(incremental(b"x%03d" % number, b"") for number in range(113))
    # 113 entries of 36 octets are 4,068; the 114th makes the first leave. Some take no more than 100 fields at once.
    enter = (*message(role, *block[:57]), Finish(), *message(role, *block[57:]))
    steps = (*enter, Finish(), *following(role, Indexed(61 + 113)))
    yield _case("HPK-11.exactly-full", role, "7541 §4.1", reason, steps, works())
    enter = (*message(role, *block[:57]), Finish(), *message(role, *block[57:], ENTRY))
    steps = (*enter, Finish(), *message(role, Indexed(61 + 114)))
    yield _case("HPK-11.one-too-many", role, "7541 §4.1", reason, steps, COMPRESSION)


def _entries(role: Role) -> Iterator[Case]:
    """HPK-12, HPK-13 and HPK-14: what enters, in which order, and what does not."""
    reason = "A field that was entered, even twice, is there under its index in the same block and in the next."
    twice = (ENTRY, ENTRY, Indexed(62), Indexed(63))
    steps = (*message(role, *twice), Finish(), *following(role, Indexed(62), Indexed(63)))
    yield _case("HPK-12.twice", role, "7541 §2.3.2", reason, steps, works())
    reason = "The newest entry has the lowest index, and every insertion moves the others."
    length = b"8" if role is Role.SERVER else b"42"
    entries = (ENTRY, Literal(28, length, INCREMENTAL), incremental(b"x-last", b"l"))
    steps = (*message(role, *entries), Finish(), *following(role, Indexed(63)), *following(role, ENTRY, Indexed(64)))
    yield _case("HPK-12.order", role, "7541 §2.3.3", reason, steps, works())
    reason = "A header list keeps its order and its repeated names: pseudo-header fields are first, and stay so."
    repeated = tuple(Literal(b"x-kit", b"%d" % number) for number in range(10))
    steps = (*message(role, *repeated, *repeated), Finish())
    yield _case("HPK-13.repeated", role, "7541 §2.1", reason, steps, works())
    steps = (*before_head(role), send(headers(head_stream(role), ENTRY, *head(role))), Finish())
    yield _case("HPK-13.regular-first", role, "9113 §8.3", reason, steps, malformed())
    if role is Role.CLIENT:
        small = Behaviour()
        response = (Literal(8, b"200", INCREMENTAL), Literal(24, b"private", INCREMENTAL), Literal(54, b"kit"))
        again = (Indexed(8), Indexed(62), Literal(54, b"kit", INCREMENTAL))
        steps = (
            *(Begin(), send(headers(STREAM, SizeUpdate(256), *response)), Finish()),
            *(Begin(), send(headers(STREAM, *again)), Finish()),
        )
        reason = "Responses that share a table of 256 octets, as in the examples of Appendix C, are told apart."
        yield replace(_case("HPK-13.responses", role, "7541 §2.2", reason, steps, works()), behaviour=small)
    reason = "A literal that is not indexed, or never, changes no table."
    for name, how in (("never", NEVER_INDEXED), ("without", WITHOUT_INDEXING)):
        clause = "7541 §6.2.3" if name == "never" else "7541 §6.2.2"
        secret = replace(SECRET, how=how)
        steps = (*message(role, secret), Finish(), *following(role, secret))
        yield _case(f"HPK-14.{name}", role, clause, reason, steps, works())
        steps = (*message(role, secret), Finish(), *message(role, Indexed(62)))
        yield _case(f"HPK-14.{name}-not-entered", role, clause, reason, steps, COMPRESSION)


def _representations() -> Iterator[Case]:
    """HPK-13: a request in each of the ways in which a field can be written."""
    reason = "A request is the same in every representation of its fields."
    path, authority = Symbol.PATH, Symbol.AUTHORITY
    method_and_scheme: Block = (Indexed(2), Literal(6, Symbol.SCHEME))
    ways: tuple[tuple[int, str, Block], ...] = (
        (1, "indexed", (*method_and_scheme, Literal(4, path), Literal(1, authority), Indexed(16))),
        *(
            (number, f"{how_name}-{name_name}{'-huffman' if huffman else ''}", ())
            for number, (how_name, name_name, huffman) in enumerate(
                (
                    (how, name, huffman)
                    for how in ("incremental", "without", "never")
                    for name in ("indexed-name", "new-name")
                    for huffman in (False, True)
                ),
                start=2,
            )
        ),
    )
    for number, name, block in ways:
        if not block:
            how = {"i": INCREMENTAL, "w": WITHOUT_INDEXING, "n": NEVER_INDEXED}[name[0]]
            huffman = name.endswith("huffman")
            names: tuple[bytes | int, bytes | int] = (4, 1) if "indexed-name" in name else (b":path", b":authority")
            block = (
                *method_and_scheme,
                Literal(names[0], path, how, huffman),
                Literal(names[1], authority, how, huffman),
            )
        steps: tuple[Step, ...] = (send(headers(idle(), *block, end_stream=True)), Finish()) * 2
        yield _case(f"HPK-13.{name}", Role.SERVER, "7541 §6", reason, steps, works(), H2spec(f"generic/5/{number}"))
    reason = "Requests that refer to what earlier ones entered, as in Appendix C, are the same requests."
    first = (*method_and_scheme, Literal(4, path, INCREMENTAL), Literal(1, authority, INCREMENTAL))
    second = (Indexed(2), Literal(6, Symbol.SCHEME), Indexed(63), Indexed(62), Literal(24, b"no-cache", INCREMENTAL))
    third = (
        *(Indexed(2), Literal(6, Symbol.SCHEME), Indexed(64), Indexed(63), Indexed(62)),
        incremental(b"custom-key", b"custom-value", huffman=True),
    )
    fourth = (Indexed(2), Literal(6, Symbol.SCHEME), Indexed(65), Indexed(64), Indexed(62), Indexed(63))
    steps = tuple(
        step
        for block in (first, second, third, fourth)
        for step in (send(headers(idle(), *block, end_stream=True)), Finish())
    )
    yield _case("HPK-13.requests", Role.SERVER, "7541 §2.2", reason, steps, works())


def _its_encoder(role: Role) -> Iterator[Case]:
    """HPK-10 and HPK-19: what our SETTINGS_HEADER_TABLE_SIZE does to its encoder; the tester decodes all it sends."""
    reason = "After a reduced SETTINGS_HEADER_TABLE_SIZE was acknowledged, the next block begins with a size update."
    for size in (0, 100):
        steps = (*EXCHANGE, send(settings((TABLE_SIZE, size))), AFTER_ACK, *EXCHANGE)
        yield _case(f"HPK-10.{size}", role, "9113 §4.3.1", reason, steps, works())
    case = _case("HPK-10.from-the-start", role, "9113 §4.3.1", reason, EXCHANGE, works())
    yield replace(case, behaviour=Behaviour(settings=((TABLE_SIZE, 0),)))
    reason = "Of several changes between two blocks the smallest size is signalled, and then the last."
    both = (send(settings((TABLE_SIZE, 0)), settings((TABLE_SIZE, 4_096))), AFTER_ACK)
    steps = (*EXCHANGE, *both, *EXCHANGE, *EXCHANGE)
    yield _case("HPK-10.0-then-4096", role, "7541 §4.2", reason, steps, works())
    reason = "Any value of SETTINGS_HEADER_TABLE_SIZE is taken; the encoder uses what it wants, up to that."
    for size in (0, 1, 2**16, 2**32 - 1):
        steps = (send(settings((TABLE_SIZE, size))), AFTER_ACK, *EXCHANGE * 3)
        yield _case(f"HPK-19.{size}", role, "9113 §6.5.2", reason, steps, works())
        case = _case(f"HPK-19.{size}-from-the-start", role, "9113 §6.5.2", reason, EXCHANGE * 3, works())
        yield replace(case, behaviour=Behaviour(settings=((TABLE_SIZE, size),)))


def cases() -> list[Case]:
    """The group, but what `field_blocks` holds."""
    parts = (_indices, _integers, _strings, _size_updates, _evictions, _entries, _its_encoder)
    by_role = [case for role in Role for part in parts for case in part(role)]
    return [*by_role, *_huffman_requests(), *_representations()]
