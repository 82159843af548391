"""The shell of the pages: well-formed, closed to everything outside, whatever is put into it."""

from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha256

import pytest

from interop.conformance.page import STYLE, clause_link, escape, page


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("<script>alert('a')</script>", "&lt;script&gt;alert(&#x27;a&#x27;)&lt;/script&gt;"),
        ('" onclick="', "&quot; onclick=&quot;"),
        ("&amp;", "&amp;amp;"),
        ("a\x00b\x1b[31m\x7f\x85", "a\\x00b\\x1b[31m\\x7f\\x85"),
        ("line\r\nnext\tcell", "line\\x0d\nnext\tcell"),
        ("\ud800\udfff", "\\xd800\\xdfff"),
        ("gnp.\u202etxt", "gnp.\\x202etxt"),
        ("é € 😀", "é € 😀"),
    ],
)
def test_nothing_gets_out_of_a_text(text: str, shown: str) -> None:
    assert escape(text) == shown
    escape(text).encode()


def test_a_clause_is_a_link_where_it_can_be_read() -> None:
    assert clause_link("RFC 9113 §6.7") == (
        '<a href="https://www.rfc-editor.org/rfc/rfc9113.html#section-6.7" rel="noreferrer">RFC 9113 §6.7</a>'
    )
    assert clause_link("a <document> §1") == "a &lt;document&gt; §1"


def hashes(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


def test_a_page_allows_its_own_style_and_script_and_nothing_else() -> None:
    html = page("A < B", "<p>Body.</p>", style="p { margin: 0 }", script="void 0;")
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', html)
    assert policy is not None
    assert policy[1].split("; ") == [
        "default-src 'none'",
        f"style-src {hashes(STYLE + 'p { margin: 0 }')}",
        "base-uri 'none'",
        "form-action 'none'",
        f"script-src {hashes('void 0;')}",
    ]
    assert html.startswith("<!DOCTYPE html>\n<html lang=")
    assert "<title>A &lt; B</title>" in html
    assert "<script>void 0;</script>" in html
    assert "<main>\n<p>Body.</p>\n</main>" in html
    assert 'name="viewport" content="width=device-width, initial-scale=1"' in html


def test_a_page_without_a_script_allows_none() -> None:
    html = page("A", "")
    assert "script" not in html


# -- contrast ----------------------------------------------------------------------------------------------------------


def luminance(colour: str) -> float:
    """WCAG 2: relative luminance of "#rrggbb"."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_text_can_be_read_on_its_ground_in_both_schemes() -> None:
    schemes = [
        dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", block)) for block in re.findall(r":root \{(.*?)\}", STYLE, re.S)
    ]
    light, dark = schemes[0], schemes[1]
    for scheme in (light, dark):
        pairs = [(name, f"{name}-ground") for name in ("good", "fair", "bad", "none")]
        pairs += [(text, ground) for text in ("ink", "soft", "link") for ground in ("ground", "panel")]
        for text, ground in pairs:
            assert contrast(scheme[text], scheme[ground]) >= 5, (text, ground)
