"""The published matrix as one HTML file: sections and peers in a table, each cell a way to the cases that failed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from interop.conformance.clauses import anchor, document_of, document_title, section_title
from interop.conformance.matrix import KINDS, CaseLine, Matrix, Row, counts
from interop.conformance.matrix_page import LEVELS, explained
from interop.conformance.page import clause_link, escape, page
from interop.conformance.peers.findings import Finding
from interop.conformance.report import section_of_clause, section_order

STYLE = """
.matrix thead th { font-weight: 600; text-align: right; }
.matrix td span { display: block; border-radius: .3rem; padding: 0 .35rem; }
.peer { border-top: 1px solid var(--line); margin-top: 2rem; padding-top: .4rem; }
details { margin: .3rem 0; }
details > summary { cursor: pointer; padding: .15rem 0; }
.case { border-left: 3px solid var(--line); padding: .1rem .7rem; margin: .5rem 0; font-size: .9rem; }
.case :target, .cell:target { outline: 2px solid var(--link); outline-offset: 3px; }
.case p { max-width: none; margin: .15rem 0; }
"""

_SENT_MAX = 200
"""Letters of what was sent that are shown."""

SCRIPT = """
function reveal() {
  const place = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  for (let each = place; each; each = each.parentElement) if (each.tagName === "DETAILS") each.open = true;
  if (place) place.scrollIntoView();
}
addEventListener("hashchange", reveal);
reveal();
"""


def as_html(matrix: Matrix, findings: Sequence[Finding]) -> str:
    """The document."""
    parts = [
        "<h1>HTTP/2 conformance of servers and clients</h1>",
        f'<p class="soft">Run on {escape(matrix.dates)}, {escape(matrix.system)}; {escape(matrix.how)}.</p>',
        "<p>Each cell has the cases of a section that were run, and how many of them broke something: "
        '<span class="badge bad">a MUST</span> <span class="badge fair">a SHOULD or MAY at most</span> '
        '<span class="badge good">nothing</span>. A cell leads to its cases. What the failures are, in words, stands '
        "with each server and client below; this is no ranking.</p>",
    ]
    for kind, title in KINDS.items():
        rows = [row for row in matrix.rows if row.kind == kind]
        if present := [row for row in rows if not row.problem]:
            parts.append(f"<h2>{title}</h2>")
            parts.append(_table(present, f"{title}, by section"))
        absent = [f"{row.title}: {row.absence}" for row in rows if row.problem]
        if absent:
            parts.append("<p>Not run:</p><ul>" + "".join(f"<li>{escape(text)}</li>" for text in absent) + "</ul>")
    parts += [_peer(row, findings) for row in matrix.rows if not row.problem]
    return page("HTTP/2 conformance of servers and clients", "\n".join(parts), style=STYLE, script=SCRIPT)


def _section(line: CaseLine) -> str:
    return section_of_clause(line.clause)


def _table(rows: Sequence[Row], caption: str) -> str:
    tables = {row.key: counts(row.lines, _section) for row in rows}
    sections = sorted({section for table in tables.values() for section in table}, key=section_order)
    head = "".join(
        f'<th scope="col"><a href="#{_anchor(row)}">{escape(row.name)}</a><br>{escape(row.version)}</th>'
        for row in rows
    )
    body = ["<tr><th scope=row>All sections</th>" + "".join(_cell(row, _total(row), "") for row in rows) + "</tr>"]
    document = ""
    for section in sections:
        if document_of(section) != document:
            document = document_of(section)
            title = f"{document} {document_title(document)}".strip()
            body.append(f'<tr class="part"><th scope="rowgroup" colspan="{len(rows) + 1}">{escape(title)}</th></tr>')
        name = f"{section.removeprefix(document).strip()} {section_title(section)}".strip()
        cells = "".join(_cell(row, tables[row.key].get(section, Counter()), section) for row in rows)
        body.append(f"<tr><th scope=row>{escape(name)}</th>{cells}</tr>")
    return (
        f'<div class="wide"><table class="grid matrix"><caption>{escape(caption)}</caption>'
        f'<thead><tr><th scope="col">Section</th>{head}</tr></thead><tbody>{"".join(body)}</tbody></table></div>'
    )


def _total(row: Row) -> Counter[str]:
    return counts(row.lines, lambda line: "")[""] if row.lines else Counter()


def _cell(row: Row, count: Counter[str], section: str) -> str:
    broken = sum(count[level.name] for level in LEVELS)
    if not count["ran"]:
        return '<td><span class="none" title="none was run">-</span></td>'
    told = ", ".join(f"{count[level.name]} broke a {level.name}" for level in LEVELS if count[level.name])
    where = _anchor(row, section) if section else _anchor(row)
    if not broken:
        return f'<td><span class="good" title="all passed">{count["ran"]}</span></td>'
    kind = "bad" if count["MUST"] else "fair"
    return f'<td><a class="{kind}" href="#{where}" title="{told}">{broken} of {count["ran"]}</a></td>'


def _anchor(row: Row, *more: str) -> str:
    return anchor(row.key, *more)


def _peer(row: Row, findings: Sequence[Finding]) -> str:
    answers = f" Requests are answered by {row.answers}." if row.answers else ""
    note = f" {row.note}" if row.note else ""
    told = ", ".join(f"{row.broke(level)} broke a {level.name}" for level in LEVELS)
    skipped = len(row.lines) - len(row.ran)
    parts = [
        f'<section class="peer"><h2 id="{_anchor(row)}">{escape(row.title)}: {row.kind}</h2>',
        f"<p>Version {escape(row.version)} ({escape(row.install)}).{escape(answers)}{escape(note)}</p>",
        f"<p>Of {len(row.ran)} cases {row.broke(None)} passed, {told}; {skipped} were skipped.</p>",
    ]
    if row.failed:
        parts.append("<h3>What the failures are</h3><ul>")
        for text, lines in explained(row, findings):
            names = ", ".join(f'<a href="#{_anchor(row, line.id)}">{escape(line.id)}</a>' for line in lines)
            plural = "s" * (len(lines) != 1)
            summary = f"{escape(text)} ({len(lines)} case{plural})"
            parts.append(f"<li><details><summary>{summary}</summary><p>{names}</p></details></li>")
        parts.append("</ul><h3>The cases, by section</h3>")
        parts += _by_section(row)
    parts.append("</section>")
    return "\n".join(parts)


def _by_section(row: Row) -> Iterable[str]:
    sections: dict[str, list[CaseLine]] = {}
    for line in row.failed:
        sections.setdefault(_section(line), []).append(line)
    for section in sorted(sections, key=section_order):
        lines = sections[section]
        title = f"{section} {section_title(section)}".strip()
        yield f"<details><summary>{escape(title)}: {len(lines)}</summary>"
        yield f'<div class="cell" id="{_anchor(row, section)}">' + "".join(_alike(row, lines))
        yield "</div></details>"


def _alike(row: Row, lines: Iterable[CaseLine]) -> Iterable[str]:
    """Cases of the same rule that went the same way stand together, with what was sent in the first of them."""
    groups: dict[tuple[str, ...], list[CaseLine]] = {}
    for line in lines:
        same = (line.group, line.breaks, line.clause, line.reason, line.outcome, line.seen, line.also, line.deliveries)
        groups.setdefault(same, []).append(line)
    return (_case(row, members) for members in groups.values())


def _case(row: Row, lines: Sequence[CaseLine]) -> str:
    line = lines[0]
    names = " ".join(f'<code id="{_anchor(row, each.id)}">{escape(each.id)}</code>' for each in lines)
    kind = "bad" if line.breaks == "MUST" else "fair"
    also = f"; also {line.also}" if line.also else ""
    only = f" (only {line.deliveries})" if line.deliveries in ("whole", "octets") else ""
    return (
        f'<div class="case"><p><span class="badge {kind}">{line.breaks}</span> '
        f"{names}{escape(only)} {clause_link(line.clause)}</p>"
        f"<p>{escape(line.reason)}</p><p>Sent: {escape(line.sent[:_SENT_MAX])}</p>"
        f"<p>Came: <b>{escape(line.outcome)}</b>: {escape(line.seen)}{escape(also)}</p>"
        f"<p>Allowed: {escape(line.allowed)}</p></div>"
    )
