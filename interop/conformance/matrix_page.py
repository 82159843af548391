"""The published matrix as Markdown: a function of the matrix and of what is known of its failures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import groupby

from interop.conformance.clauses import section_title
from interop.conformance.matrix import KINDS, CaseLine, Matrix, Row, counts
from interop.conformance.model import Level, Outcome
from interop.conformance.peers.findings import Finding, finding_for
from interop.conformance.report import section_of_clause, section_order

LEVELS = tuple(sorted(Level, reverse=True))
_NAMES_SHOWN = 8
UNEXPLAINED = "Nobody has looked into these yet."

INTRODUCTION = """\
What the [conformance kit](conformance.md) finds on servers and clients of others, and on Plait's own. The same cases,
with the sections side by side and every failure: [conformance-matrix.html](conformance-matrix.html).

**How to read it.** A case counts under the strongest level of the RFC's words that was broken in it: MUST, SHOULD or
MAY. Much of SHOULD is the wish to be told why a connection ended, and much of MUST is strictness that no user will
ever notice, so this is **no ranking**: the sentences say what the failures are. One fault can be many cases (each
unknown frame type and each octet of a name is one), so the lines of the list that hold them are counted too. Every
server answers GET with a known content and POST with its own *after the whole request*, so that what comes in between
can be broken. All run as they are installed, in plaintext on loopback; cases that need TLS are not in here."""

ORIGIN = """\
<!-- Written by `make conformance-matrix`. What the failures are, in words, is in interop/conformance/peers/findings/.
-->"""


def as_markdown(matrix: Matrix, findings: Sequence[Finding]) -> str:
    """The page."""
    blocks = [
        "# HTTP/2 conformance of servers and clients",
        ORIGIN,
        INTRODUCTION,
        f"Run on {matrix.dates}, {matrix.system}; {matrix.how}.",
    ]
    for kind, title in KINDS.items():
        rows = [row for row in matrix.rows if row.kind == kind]
        if not rows:
            continue
        present = [row for row in rows if not row.problem]
        blocks += [f"## {title}", _overview(present), _absent(rows)]
        if present:
            blocks += [f"### Cases that failed, by section: {title}", _by_section(present)]
    for row in matrix.rows:
        if not row.problem:
            blocks += _peer(row, findings)
    return "\n\n".join(block for block in blocks if block) + "\n"


def _table(header: Sequence[str], rows: Iterable[Sequence[object]], left: int = 1) -> str:
    """A table whose first columns stand left and whose others, which are numbers, stand right."""
    rule = ["---"] * left + ["--:"] * (len(header) - left)
    lines = [header, rule, *rows]
    return "\n".join(f"| {' | '.join(_cell(str(cell)) for cell in line)} |" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _overview(rows: Sequence[Row]) -> str:
    header = (
        "",
        "version",
        "cases",
        "passed",
        *(f"broke a {level.name}" for level in LEVELS),
        "skipped",
        "lines",
        "that failed",
    )
    return _table(
        header,
        (
            (
                f"[{row.title}](#{_anchor(row)})",
                row.version,
                len(row.ran),
                row.broke(None),
                *(row.broke(level) for level in LEVELS),
                len(row.lines) - len(row.ran),
                len({line.group for line in row.ran}),
                len({line.group for line in row.failed}),
            )
            for row in rows
        ),
        left=2,
    )


def _absent(rows: Sequence[Row]) -> str:
    lines = [f"- {row.title}: {row.absence}" for row in rows if row.problem]
    return "\n".join(["Not run:\n", *lines]) if lines else ""


def _section(line: CaseLine) -> str:
    return section_of_clause(line.clause)


def _by_section(rows: Sequence[Row]) -> str:
    tables = {row.key: counts(row.lines, _section) for row in rows}
    sections = sorted({section for table in tables.values() for section in table}, key=section_order)

    def cell(row: Row, section: str) -> str:
        count = tables[row.key].get(section, Counter())
        broken = [f"{count[level.name]} {level.name}" for level in LEVELS if count[level.name]]
        return ", ".join(broken) or ("." if count["ran"] else "-")

    body = []
    for section in sections:
        cases = max(sum(tables[row.key].get(section, Counter())[what] for what in ("ran", "skipped")) for row in rows)
        body.append((f"{section} {section_title(section)}".strip(), cases, *(cell(row, section) for row in rows)))
    note = "A point: all that were run passed; a dash: none was run.\n\n"
    return note + _table(("section", "cases", *(row.name for row in rows)), body)


def _heading(row: Row) -> str:
    return f"{row.title}: {row.kind}"


def _anchor(row: Row) -> str:
    """As the usual renderers make it of the heading."""
    kept = "".join(letter for letter in _heading(row).lower() if letter.isalnum() or letter in " -_")
    return kept.replace(" ", "-")


def _peer(row: Row, findings: Sequence[Finding]) -> list[str]:
    """The blocks about one server or client."""
    answers = f" Requests are answered by {row.answers}." if row.answers else ""
    answers += f" {row.note}" if row.note else ""
    header = ("rules of level", "cases", "passed", *(f"broke a {level.name}" for level in LEVELS), "skipped")
    body = []
    for level in LEVELS:
        lines = [line for line in row.lines if line.level == level.name]
        ran = sum(not line.skipped for line in lines)
        broken = [row.broke(each, level.name) for each in LEVELS]
        body.append((level.name, ran, row.broke(None, level.name), *broken, len(lines) - ran))
    outcomes = Counter(line.outcome for line in row.ran)
    told = ", ".join(f"{outcomes[o.value]} {o.value}" for o in Outcome if outcomes[o.value])
    blocks = [
        f"## {_heading(row)}",
        f"Version {row.version} ({row.install}).{answers} Outcomes: {told}.",
        _table(header, body),
    ]
    if reasons := Counter(line.skipped for line in row.lines if line.skipped):
        blocks.append("Skipped: " + "; ".join(f"{count} {reason}" for reason, count in reasons.most_common()) + ".")
    return blocks + _failures(row, findings)


def explained(row: Row, findings: Sequence[Finding]) -> list[tuple[str, list[CaseLine]]]:
    """The failures of a row by what they are, the most cases first; what nobody has looked into comes last."""
    by_text: dict[str, list[CaseLine]] = {}
    for line in row.failed:
        finding = finding_for(findings, row.key, line.id, f"{line.outcome}: {line.seen}; {line.also}")
        by_text.setdefault(finding.says if finding is not None else UNEXPLAINED, []).append(line)
    return sorted(by_text.items(), key=lambda entry: (entry[0] == UNEXPLAINED, -len(entry[1])))


def _failures(row: Row, findings: Sequence[Finding]) -> list[str]:
    if not row.failed:
        return ["Nothing failed."]
    blocks = ["**What the failures are.**"]
    for text, lines in explained(row, findings):
        items = [f"{text} ({len(lines)} case{'s' * (len(lines) != 1)})", ""]
        for group, members in groupby(sorted(lines, key=lambda line: line.group), key=lambda line: line.group):
            items.append(f"- {_group(group, list(members))}")
        blocks.append("\n".join(items))
    return blocks


def _group(group: str, lines: Sequence[CaseLine]) -> str:
    """One line of the list: its cases, the rule in a sentence, what came."""
    names = [f"`{line.id.partition('.')[2]}`" for line in lines]
    shown = ", ".join(names[:_NAMES_SHOWN]) + (f" and {len(names) - _NAMES_SHOWN} more" * (len(names) > _NAMES_SHOWN))
    first = lines[0]
    broken = "/".join(dict.fromkeys(line.breaks for line in lines))
    came = f"{first.outcome}: {first.seen}" + (f"; {first.also}" if first.also else "")
    return _cell(f"{broken} **{group}** {shown}. {first.clause}: {first.reason} Came {came}")
