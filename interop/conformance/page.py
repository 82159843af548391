"""The shell of the kit's HTML pages: one file that loads nothing, for light and dark, wide and narrow screens, paper.

    html = page("A title", body, style="more { }", script="more()")

`body` is markup; whatever comes from a peer, from a command line or from a case goes through `escape` on its way into
it. `STYLE` has the colours, the tables and the badges that all pages share:

| class                            | meaning                                                                     |
|----------------------------------|-----------------------------------------------------------------------------|
| `good`, `fair`, `bad`, `none`    | the best outcome, one that is allowed, a failure, nothing run: colours      |
| `badge`                          | a word on such a colour; the word says it all, the colour only helps        |
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

from interop.conformance import clauses

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
        f"<title>{escape(title)}</title>\n<style>{style}</style>\n</head>\n<body>\n{body}\n{script}</body>\n</html>\n"
    )


def _hash(text: str) -> str:
    """CSP 3 §2.3.1: the source expression that allows this very text."""
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"


STYLE = """
:root {
  color-scheme: light dark;
  --ground: #fbfaf7; --panel: #ffffff; --ink: #1d1c1a; --soft: #5f5b54; --line: #dedad1; --link: #0b4fb8;
  --good: #0f5f35; --good-ground: #dff3e6; --fair: #6a4a00; --fair-ground: #fbeec9;
  --bad: #9b1020; --bad-ground: #fbdfdf; --none: #57534c; --none-ground: #eceae4; --mark: #fff3b8;
  --sans: system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif;
  --mono: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #15171b; --panel: #1c1f24; --ink: #e9e7e2; --soft: #a8a49b; --line: #353940; --link: #8ab8ff;
    --good: #8fe0b0; --good-ground: #16382a; --fair: #f2cf7a; --fair-ground: #3b3014;
    --bad: #ff9f9f; --bad-ground: #4a1c22; --none: #b3afa6; --none-ground: #2a2d33; --mark: #4d4413;
  }
}
* { box-sizing: border-box; }
html { scroll-padding-top: 4.5rem; -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body {
  margin: 0 auto; padding: 1.5rem clamp(.8rem, 3vw, 2.5rem) 4rem; max-width: 84rem;
  background: var(--ground); color: var(--ink); font: 1rem/1.5 var(--sans); overflow-wrap: anywhere;
}
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .3rem; letter-spacing: -.01em; }
h2 { font-size: 1.25rem; margin: 2.2rem 0 .6rem; }
h3 { font-size: 1.05rem; margin: 0; }
p { margin: .4rem 0; max-width: 46rem; }
a { color: var(--link); text-underline-offset: .15em; }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; border-radius: 3px; }
code, .mono { font-family: var(--mono); font-size: .88em; }
.soft { color: var(--soft); }
.badge { display: inline-block; padding: 0 .5em; border-radius: 1em; font-size: .8rem; font-weight: 600; }
.badge, .chip { white-space: nowrap; }
.good { color: var(--good); background: var(--good-ground); }
.fair { color: var(--fair); background: var(--fair-ground); }
.bad { color: var(--bad); background: var(--bad-ground); }
.none { color: var(--none); background: var(--none-ground); }
.wide { overflow-x: auto; border: 1px solid var(--line); border-radius: .5rem; background: var(--panel); }
table { border-collapse: separate; border-spacing: 0; }
caption { text-align: left; color: var(--soft); padding: .5rem .7rem; font-size: .9rem; }
.grid { width: 100%; font-size: .85rem; }
.grid th, .grid td { padding: .28rem .45rem; border-top: 1px solid var(--line); text-align: right; }
.grid td { font-variant-numeric: tabular-nums; }
.grid thead th { border-top: 0; vertical-align: bottom; font-weight: 600; color: var(--soft); white-space: nowrap; }
.grid th[scope=row], .grid thead th:first-child {
  position: sticky; left: 0; background: var(--panel); text-align: left; font-weight: 500; min-width: 12rem;
}
.grid td a { display: block; border-radius: .3rem; padding: 0 .35rem; text-decoration: none; font-weight: 600; }
.grid td a:hover { text-decoration: underline; }
.grid .part th { text-align: left; padding-top: .9rem; font-weight: 700; background: var(--panel); }
.grid tbody tr:hover > * { background: color-mix(in srgb, var(--link) 7%, var(--panel)); }
@media (max-width: 46rem) {
  h1 { font-size: 1.4rem; }
  .chips, .chips tbody, .chips tr, .chips th[scope=row], .chips .part th { display: block; }
  .chips thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  .chips tr { padding: .45rem .7rem; border-top: 1px solid var(--line); }
  .chips th[scope=row], .chips td { border: 0; padding: 0; }
  .chips th[scope=row] { position: static; margin-bottom: .2rem; background: none; }
  .chips td { display: inline-block; margin: 0 .3rem .25rem 0; }
  .chips td:empty { display: none; }
  .chips td::before { content: attr(data-label) " "; color: var(--soft); font-size: .8rem; }
  .chips td a { display: inline-block; }
}
@media print {
  :root { --ground: #fff; --panel: #fff; --ink: #000; --soft: #333; --line: #aaa; --link: #000; }
  body { max-width: none; padding: 0; font-size: 9pt; }
  .wide { overflow: visible; border: 0; }
  .badge, .good, .fair, .bad, .none { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  .screen { display: none; }
  tr, summary { break-inside: avoid; }
}
"""
"""What all pages share. Colours on their grounds have a contrast of 5 to 1 and more, in both schemes."""
