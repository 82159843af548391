"""The shell of the kit's HTML pages: one file that loads nothing, for light and dark, wide and narrow screens, paper.

    html = page("A title", body, style="more { }", script="more()")

`body` is markup; whatever comes from a peer, from a command line or from a case goes through `escape` on its way into
it. `STYLE` has the colours, the tables and the badges that all pages share:

| class                            | meaning                                                                     |
|----------------------------------|-----------------------------------------------------------------------------|
| `good`, `fair`, `bad`, `none`    | the best outcome, one that is allowed, a failure, nothing run: colours      |
| `badge`                          | a word on such a colour; the word says it all, the colour only helps        |
| `--good-fill` and so on          | the colours of areas without text, in a drawing                             |
| `wide`                           | around a table: scrolls by itself where the screen is too narrow for it     |
| `grid`                           | a table with a row for each section; `th` of a row stays where it is        |
| `chips`                          | a `grid` whose rows become blocks on a narrow screen, each cell a chip with |
|                                  | `data-label` in front of it, and no chip where a cell is empty              |

A page carries a Content-Security-Policy that allows its own style and its own script, by hash, and nothing else: what
`escape` might miss would still not run, and no reader's browser asks anybody for anything.
"""

from __future__ import annotations

import html
import re
from base64 import b64encode
from hashlib import sha256
from importlib.resources import files

from interop.conformance import clauses


def asset(name: str) -> str:
    """The text of a file of `assets/`."""
    return (files(__package__) / "assets" / name).read_text("utf-8")


STYLE = asset("page.css")
"""What all pages share."""

_NOT_SHOWN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff]")
"""Control characters, marks that turn the direction of the text, and halves of surrogate pairs."""


def escape(text: str) -> str:
    """Text for content and for attributes in double quotes. What has no shape of its own is shown as an escape."""
    shown = _NOT_SHOWN.sub(lambda found: f"\\x{ord(found[0]):02x}", text)
    return html.escape(shown)


def clause_link(clause: str) -> str:
    """A clause as a link to where it can be read; plain where there is no such place."""
    address = clauses.url(clause)
    return f'<a href="{escape(address)}" rel="noreferrer">{escape(clause)}</a>' if address else escape(clause)


def page(title: str, body: str, *, style: str = "", script: str = "") -> str:
    """The whole document. `style` and `script` are added to what every page has; they are trusted, as `body` is."""
    style = STYLE + style
    policy = f"default-src 'none'; style-src '{_hash(style)}'; base-uri 'none'; form-action 'none'"
    if script:
        policy += f"; script-src '{_hash(script)}'"
        script = f"<script>{script}</script>\n"
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"<title>{escape(title)}</title>\n<style>{style}</style>\n</head>\n"
        f"<body>\n<main>\n{body}\n</main>\n{script}</body>\n</html>\n"
    )


def _hash(text: str) -> str:
    """CSP 3 §2.3.1: the source expression that allows this very text."""
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"
