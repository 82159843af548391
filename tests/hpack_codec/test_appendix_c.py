"""RFC 7541 Appendix C.2 to C.6, typed in: each block, its field list, and the dynamic table after it."""

from typing import NamedTuple

import pytest

from hpack_codec import Encoder, Field, NeverIndexedField, field_decoder
from hpack_codec.decoder import InstructionReader
from hpack_codec.explain import steps


class Exchange(NamedTuple):
    """`table` is newest first; `table_bytes` its size as the RFC gives it."""

    block: str
    fields: list[Field]
    table: list[Field]
    table_bytes: int


GET, POST_HTTP, ROOT = (b":method", b"GET"), (b":scheme", b"http"), (b":path", b"/")
AUTHORITY = (b":authority", b"www.example.com")
NO_CACHE = (b"cache-control", b"no-cache")
CUSTOM = (b"custom-key", b"custom-value")

REQUEST_FIELDS = [
    [GET, POST_HTTP, ROOT, AUTHORITY],
    [GET, POST_HTTP, ROOT, AUTHORITY, NO_CACHE],
    [GET, (b":scheme", b"https"), (b":path", b"/index.html"), AUTHORITY, CUSTOM],
]
REQUEST_TABLES: list[tuple[list[Field], int]] = [
    ([AUTHORITY], 57),
    ([NO_CACHE, AUTHORITY], 110),
    ([CUSTOM, NO_CACHE, AUTHORITY], 164),
]

PRIVATE, LOCATION = (b"cache-control", b"private"), (b"location", b"https://www.example.com")
DATE_21, DATE_22 = (b"date", b"Mon, 21 Oct 2013 20:13:21 GMT"), (b"date", b"Mon, 21 Oct 2013 20:13:22 GMT")
STATUS_302, STATUS_307 = (b":status", b"302"), (b":status", b"307")
GZIP = (b"content-encoding", b"gzip")
COOKIE = (b"set-cookie", b"foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1")

RESPONSE_FIELDS = [
    [STATUS_302, PRIVATE, DATE_21, LOCATION],
    [STATUS_307, PRIVATE, DATE_21, LOCATION],
    [(b":status", b"200"), PRIVATE, DATE_22, LOCATION, GZIP, COOKIE],
]
RESPONSE_TABLES: list[tuple[list[Field], int]] = [
    ([LOCATION, DATE_21, PRIVATE, STATUS_302], 222),
    ([STATUS_307, LOCATION, DATE_21, PRIVATE], 222),
    ([COOKIE, GZIP, DATE_22], 215),
]

REQUEST_BLOCKS = [
    "828684410f7777772e6578616d706c652e636f6d",
    "828684be58086e6f2d6361636865",
    "828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565",
]
REQUEST_BLOCKS_HUFFMAN = [
    "828684418cf1e3c2e5f23a6ba0ab90f4ff",
    "828684be5886a8eb10649cbf",
    "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf",
]
RESPONSE_BLOCKS = [
    "4803333032580770726976617465611d4d6f6e2c203231204f637420323031332032303a31333a323120474d54"
    "6e1768747470733a2f2f7777772e6578616d706c652e636f6d",
    "4803333037c1c0bf",
    "88c1611d4d6f6e2c203231204f637420323031332032303a31333a323220474d54c05a04677a69707738666f6f3d"
    "4153444a4b48514b425a584f5157454f50495541585157454f49553b206d61782d6167653d333630303b2076657273696f6e3d31",
]
RESPONSE_BLOCKS_HUFFMAN = [
    "488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8e9ae82ae43d3",
    "4883640effc1c0bf",
    "88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b335dfdfcd5b3960"
    "d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007",
]


def exchanges(blocks: list[str], lists: list[list[Field]], tables: list[tuple[list[Field], int]]) -> list[Exchange]:
    return [Exchange(block, fields, *table) for block, fields, table in zip(blocks, lists, tables, strict=True)]


SEQUENCES = {
    "C.3": (4096, exchanges(REQUEST_BLOCKS, REQUEST_FIELDS, REQUEST_TABLES)),
    "C.4": (4096, exchanges(REQUEST_BLOCKS_HUFFMAN, REQUEST_FIELDS, REQUEST_TABLES)),
    "C.5": (256, exchanges(RESPONSE_BLOCKS, RESPONSE_FIELDS, RESPONSE_TABLES)),
    "C.6": (256, exchanges(RESPONSE_BLOCKS_HUFFMAN, RESPONSE_FIELDS, RESPONSE_TABLES)),
}

CUSTOM_HEADER = (b"custom-key", b"custom-header")
SINGLE_FIELDS = {
    "C.2.1": Exchange("400a637573746f6d2d6b65790d637573746f6d2d686561646572", [CUSTOM_HEADER], [CUSTOM_HEADER], 55),
    "C.2.2": Exchange("040c2f73616d706c652f70617468", [(b":path", b"/sample/path")], [], 0),
    "C.2.3": Exchange("100870617373776f726406736563726574", [NeverIndexedField(b"password", b"secret")], [], 0),
    "C.2.4": Exchange("82", [GET], [], 0),
}


def check(reader: InstructionReader, exchange: Exchange) -> None:
    decoded = [step.field for step in steps(reader, bytes.fromhex(exchange.block))]
    assert decoded == exchange.fields
    assert reader.table.snapshot() == exchange.table
    assert reader.table.size_bytes == exchange.table_bytes


@pytest.mark.parametrize("exchange", SINGLE_FIELDS.values(), ids=SINGLE_FIELDS.keys())
def test_single_fields(exchange: Exchange) -> None:
    check(InstructionReader(table_bytes_max=4096, string_bytes_max=4096), exchange)
    assert field_decoder().decode(bytes.fromhex(exchange.block)) == tuple(exchange.fields)


@pytest.mark.parametrize(("table_bytes_max", "sequence"), SEQUENCES.values(), ids=SEQUENCES.keys())
def test_hpk_13_sequences(table_bytes_max: int, sequence: list[Exchange]) -> None:
    reader = InstructionReader(table_bytes_max=table_bytes_max, string_bytes_max=4096)
    decoder = field_decoder(table_bytes_max=table_bytes_max)
    for exchange in sequence:
        check(reader, exchange)
        assert decoder.decode(bytes.fromhex(exchange.block)) == tuple(exchange.fields)


@pytest.mark.parametrize(("table_bytes_max", "sequence"), SEQUENCES.values(), ids=SEQUENCES.keys())
def test_hpk_13_our_encoding_of_the_same_lists_means_the_same(table_bytes_max: int, sequence: list[Exchange]) -> None:
    encoder = Encoder(table_bytes_max=table_bytes_max, never_indexed_names=frozenset())
    decoder = field_decoder(table_bytes_max=table_bytes_max)
    for exchange in sequence:
        assert decoder.decode(encoder.encode(exchange.fields)) == tuple(exchange.fields)


def test_c4_our_encoder_writes_the_octets_of_the_rfc() -> None:
    encoder = Encoder()
    assert [encoder.encode(fields).hex() for fields in REQUEST_FIELDS] == REQUEST_BLOCKS_HUFFMAN
