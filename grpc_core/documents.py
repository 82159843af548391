"""JSON documents one after the other: all of a text, or of a text that is still coming.

`DocumentSplitter` finds the end of a document without reading the document: where the bracket that opened it is closed,
or the string that it is, or, for a bare word or number, at the white space behind it. So each can be used as soon as it
is there, and none is looked at twice.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from typing import Any, Final

WAITING_LETTERS_MAX: Final = 64 * 2**20
"""A document that is longer than this is none that a call could send."""

_SPACE: Final = re.compile(r"[ \t\r\n]+")
_OUTSIDE: Final = re.compile(r'[\[\]{}" \t\r\n]')
_NESTED: Final = re.compile(r'[\[\]{}"]')
_QUOTED: Final = re.compile(r'["\\]')


class NotJson(ValueError):
    """What is wrong with a document."""


def parse_documents(text: str) -> tuple[Any, ...]:
    """Any number of JSON documents, with nothing but white space between them. Raises NotJson."""
    decoder = json.JSONDecoder()
    documents = []
    position = len(text) - len(text.lstrip())
    try:
        while position < len(text):
            document, position = decoder.raw_decode(text, position)
            documents.append(document)
            position = len(text) - len(text[position:].lstrip())
    except json.JSONDecodeError as error:
        raise NotJson(f"is not JSON: {error}")
    except RecursionError:
        raise NotJson("is nested too deeply")
    return tuple(documents)


class DocumentSplitter:
    """Takes octets as they come; gives each document when it is whole."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._text = ""
        self._position = 0  # everything before it has been looked at
        self._depth = 0
        self._is_quoted = False

    def feed(self, octets: bytes, is_last: bool = False) -> Iterator[Any]:
        """The documents that end in these octets, or, at the last ones, with them. Raises NotJson."""
        try:
            self._text += self._decoder.decode(octets, is_last)
        except UnicodeDecodeError as error:
            raise NotJson(f"is not UTF-8: {error}")
        while (end := self._end()) is not None:
            yield from self._take(end)
        if is_last:
            yield from self._take(len(self._text))
        elif len(self._text) > WAITING_LETTERS_MAX:
            raise NotJson(f"is longer than {WAITING_LETTERS_MAX} letters")

    def _take(self, end: int) -> Iterator[Any]:
        text, self._text = self._text[:end], self._text[end:]
        self._position, self._depth, self._is_quoted = 0, 0, False
        yield from parse_documents(text)

    def _end(self) -> int | None:
        """Where the first document ends, or None when that has not come yet."""
        while True:
            if self._position == 0 and (space := _SPACE.match(self._text)) is not None:
                self._text = self._text[space.end() :]
            pattern = _QUOTED if self._is_quoted else _NESTED if self._depth else _OUTSIDE
            found = pattern.search(self._text, self._position)
            if found is None:
                self._position = len(self._text)
                return None
            letter, start = found[0], found.start()
            if letter == "\\":
                if start + 1 == len(self._text):
                    self._position = start
                    return None
                self._position = start + 2
                continue
            if self._depth == 0 and not self._is_quoted and start > 0:
                return start  # a bare word before this letter
            self._position = start + 1
            if letter == '"':
                self._is_quoted = not self._is_quoted
            elif letter in "[{":
                self._depth += 1
            elif letter in "]}":
                self._depth -= 1
            if self._depth <= 0 and not self._is_quoted:
                return self._position
