from hpack_codec import FieldListTooLarge, HpackError


def test_an_error_says_what_where_and_which_rule() -> None:
    error = HpackError("index 62, allowed 1 to 61", rule="RFC 7541 §6.1", offset=3)
    assert str(error) == "index 62, allowed 1 to 61 (octet 3; RFC 7541 §6.1)"
    assert (error.rule, error.offset) == ("RFC 7541 §6.1", 3)


def test_a_large_list_is_no_hpack_error() -> None:
    error = FieldListTooLarge(size_bytes=126, field_count=3, limit="100 bytes in 2 fields")
    assert not isinstance(error, HpackError), "whoever ends connections on HpackError must not end this one"
    assert str(error) == "field list of 126 bytes in 3 fields, allowed 100 bytes in 2 fields (RFC 9113 §10.5.1)"
