"""Results as one HTML page: what was tested, a matrix of sections and outcomes, and every case with its exchange.

The page loads nothing and stands alone (`page`). Everything on it folds with `<details>` and is reached by links, so it
works without its script, which only filters. Each case is one entry, whatever the number of its runs: those that agree
on the verdict share an exchange. A handshake that most cases have is shown once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

from interop.conformance import clauses, report
from interop.conformance.driving import Delivery
from interop.conformance.model import Case, Level, Outcome
from interop.conformance.page import asset, clause_link, escape, page
from interop.conformance.recording import Phase
from interop.conformance.run import Result
from interop.conformance.transcript import Gap, Line, transcript
from interop.conformance.wire import RAW

FRAMES_MAX = 45
"""Frames of an exchange that are shown; of a longer one the middle is left out, but for what there is to say of."""

OCTETS_SHOWN = 96
"""Octets of a field, of content or of debug data that are shown."""

SKIPPED = "skipped"
COLUMNS = (*(outcome.value for outcome in Outcome), SKIPPED)
"""The classes that a case is counted under, as columns of the matrix."""


class Status(Enum):
    """What became of a case at the level asked for: the class of its colour, its sign and its word."""

    FAILED = ("bad", "✗", "failed")
    PASSED = ("fair", "✓", "passed")
    BEST = ("good", "✓", "passed")
    SKIPPED = ("none", "–", "skipped")

    @property
    def style(self) -> str:
        """Its class of `page.STYLE`."""
        return self.value[0]

    @property
    def sign(self) -> str:
        """A sign that is read without colour."""
        return self.value[1]


@dataclass(frozen=True)
class Entry:
    """A case and its runs, in groups that agree on the verdict, the worst first."""

    case: Case
    runs: tuple[tuple[Result, ...], ...]
    status: Status

    @property
    def column(self) -> str:
        """What it is counted under: the outcome of its worst run."""
        verdict = self.runs[0][0].verdict
        return SKIPPED if verdict is None else verdict.outcome.value

    @property
    def anchor(self) -> str:
        """The name of its place on the page."""
        return clauses.anchor(self.case.key)


def entries_of(results: Iterable[Result], level: Level) -> list[Entry]:
    """The cases in their order."""
    by_case: dict[str, list[Result]] = {}
    for result in results:
        by_case.setdefault(result.case.key, []).append(result)
    return [_entry(runs, level) for runs in by_case.values()]


def _entry(results: list[Result], level: Level) -> Entry:
    groups: dict[object, list[Result]] = {}
    for result in results:
        verdict = result.verdict
        said = result.skipped if verdict is None else (verdict.outcome, verdict.breaks, verdict.faults)
        groups.setdefault((said, verdict and verdict.violations), []).append(result)
    runs = sorted(groups.values(), key=lambda group: _badness(group[0]), reverse=True)
    if not all(result.passes(level) for result in results):
        status = Status.FAILED
    elif all(result.verdict is None for result in results):
        status = Status.SKIPPED
    else:
        is_best = all(result.verdict is None or result.verdict.best for result in results)
        status = Status.BEST if is_best else Status.PASSED
    return Entry(results[0].case, tuple(map(tuple, runs)), status)


def _badness(result: Result) -> int:
    if result.verdict is None:
        return -2
    return result.verdict.breaks or (-1 if result.verdict.best else 0)


# -- the page ----------------------------------------------------------------------------------------------------------


def as_html(results: Sequence[Result], level: Level, subject: str) -> str:
    """The document. `subject` says in words what was tested; `level` is what must not be broken."""
    entries = entries_of(results, level)
    handshakes = _Handshakes(entries)
    parts = [
        _header(entries, results, level, subject),
        _failures(entries),
        _matrix(entries),
        _legend(),
        _filter(entries),
        handshakes.shown(),
        '<div id="cases">' if len({entry.case.role for entry in entries}) > 1 else '<div id="cases" class="one-role">',
        *(_document(document, entries, handshakes) for document in _documents(entries)),
        "</div>",
    ]
    body = "\n".join(filter(None, parts))
    return page(f"Conformance: {subject}", body, style=asset("report.css"), script=asset("report.js"))


def _documents(entries: Sequence[Entry]) -> list[str]:
    """The documents, the one with the most cases first."""
    count = Counter(clauses.document_of(entry.case.clause) for entry in entries)
    return sorted(count, key=lambda document: (-count[document], document))


def _sections(document: str, entries: Iterable[Entry]) -> dict[str, list[Entry]]:
    """The cases of each section of a document, as it has them."""
    sections: dict[str, list[Entry]] = {}
    for entry in entries:
        if clauses.document_of(entry.case.clause) == document:
            sections.setdefault(report.section_of(entry.case), []).append(entry)
    return {section: sections[section] for section in sorted(sections, key=report.section_order)}


def _count(entries: Iterable[Entry], status: Status) -> int:
    return sum(entry.status is status for entry in entries)


def _plural(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def _header(entries: Sequence[Entry], results: Sequence[Result], level: Level, subject: str) -> str:
    failed = _count(entries, Status.FAILED)
    passed = _count(entries, Status.BEST) + _count(entries, Status.PASSED)
    verdict = f"✗ {_plural(failed, 'case')} failed" if failed else f"✓ {'All that ran' if passed else 'Nothing'} passed"
    ran = sum(result.verdict is not None for result in results)
    broken = " or ".join(each.name for each in sorted(Level, reverse=True) if each >= level)
    return (
        f"<header>\n<div>\n<h1>Conformance of {escape(subject)}</h1>\n"
        f'<p class="verdict {"bad" if failed else "good" if passed else "none"}">{verdict}</p>\n'
        f'<p class="soft">{_plural(len(entries), "case")}, {_plural(ran, "run")}. '
        f"A case fails when one of its runs breaks a {broken}.</p>\n"
        f"</div>\n{_levels(entries)}\n{_bar(entries)}\n</header>"
    )


_SHARES = (
    (Status.BEST, "best"),
    (Status.PASSED, "allowed"),
    (Status.FAILED, "failed"),
    (Status.SKIPPED, "skipped"),
)


def _bar(entries: Sequence[Entry]) -> str:
    """The shares of all cases as a drawing; the table behind it says the same in numbers."""
    x, rectangles = 0.0, []
    for status, _ in _SHARES:
        width = 100 * _count(entries, status) / max(1, len(entries))
        rectangles.append(f'<rect class="{status.style}" x="{x:.2f}" width="{width:.2f}" height="10"/>')
        x += width
    shares = "".join(rectangles)
    return f'<svg class="bar" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">{shares}</svg>'


def _levels(entries: Sequence[Entry]) -> str:
    rows = [(level.name, [e for e in entries if e.case.level is level]) for level in sorted(Level, reverse=True)]
    rows.append(("all", list(entries)))
    head = "".join(f'<th scope="col"><span class="badge {s.style}">{s.sign} {word}</span></th>' for s, word in _SHARES)
    body = []
    for name, those in rows:
        if those:
            counts = [*(_count(those, status) for status, _ in _SHARES), len(those)]
            body.append(f'<tr><th scope="row">{name}</th>{"".join(f"<td>{count}</td>" for count in counts)}</tr>')
    return (
        '<table class="levels"><caption class="soft">Cases by the level of their rule</caption>\n'
        f'<thead><tr><th scope="col">level</th>{head}<th scope="col">all</th></tr></thead>\n'
        f"<tbody>\n{chr(10).join(body)}\n</tbody></table>"
    )


def _failures(entries: Sequence[Entry]) -> str:
    failed = [entry for entry in entries if entry.status is Status.FAILED]
    if not failed:
        return ""
    lines = []
    for entry in failed:
        verdict = entry.runs[0][0].verdict
        assert verdict is not None
        assert verdict.breaks is not None
        came = next((fault.text for fault in verdict.faults), "") if verdict.outcome is not Outcome.WRONG else ""
        came = came or next((str(violation) for violation in verdict.violations), "") or verdict.seen
        lines.append(
            f'<li><a href="#{entry.anchor}">{_name(entry)}</a> <span class="level">{verdict.breaks.name}</span> '
            f'{verdict.outcome.value}: {escape(came)} <span class="soft">{escape(entry.case.clause)}</span></li>'
        )
    is_open = " open" if len(failed) <= 30 else ""
    return (
        f'<details class="failures"{is_open}><summary><h2>What failed <small>{len(failed)}</small></h2></summary>\n'
        f"<ul>\n{chr(10).join(lines)}\n</ul></details>"
    )


def _name(entry: Entry) -> str:
    return escape(entry.case.id)


# -- the matrix --------------------------------------------------------------------------------------------------------


def _matrix(entries: Sequence[Entry]) -> str:
    levels = sorted({entry.case.level for entry in entries}, reverse=True)
    columns = [column for column in COLUMNS if any(entry.column == column for entry in entries)]
    unseen = ", ".join(column for column in COLUMNS if column not in columns)
    heads = [f'<th scope="col">{name}</th>' for name in ("cases", *(level.name for level in levels), *columns)]
    span = len(heads) + 1
    rows = []
    for document in _documents(entries):
        sections = _sections(document, entries)
        title = escape(" ".join(filter(None, (document, clauses.document_title(document)))))
        rows.append(f'<tr class="part"><th scope="colgroup" colspan="{span}">{title}</th></tr>')
        rows += [_row(section, those, levels, columns) for section, those in sections.items()]
    return (
        '<h2 id="matrix">Sections and outcomes</h2>\n<div class="wide" tabindex="0" role="region" aria-label="Matrix">'
        '<table class="grid chips">\n<caption>Cases of each section: how many of those that ran have passed, by level, '
        "and what came of them. ✗ marks failures; the numbers lead to the cases. "
        f"{f'Not seen: {unseen}.' if unseen else ''}</caption>\n"
        f'<thead><tr><th scope="col">section</th>{"".join(heads)}</tr></thead>\n<tbody>\n{chr(10).join(rows)}\n'
        "</tbody></table></div>"
    )


def _row(section: str, entries: Sequence[Entry], levels: Sequence[Level], columns: Sequence[str]) -> str:
    place = clauses.anchor(section)
    cells = [f'<td data-label="cases">{len(entries)}</td>']
    for level in levels:
        those = [entry for entry in entries if entry.case.level is level]
        failed, skipped = _count(those, Status.FAILED), _count(those, Status.SKIPPED)
        ran = len(those) - skipped
        said = f"{ran - failed}/{ran}{' ✗' if failed else ''}" if ran else ""
        style = ' class="failed"' if failed else ""
        cells.append(f'<td data-label="{level.name}"{style}>{said}</td>')
    for column in columns:
        those = [entry for entry in entries if entry.column == column]
        cells.append(f'<td data-label="{column}">{_cell(f"{place}-{column}", those)}</td>')
    return f'<tr><th scope="row"><a href="#{place}">{escape(_section_name(section))}</a></th>{"".join(cells)}</tr>'


def _cell(place: str, entries: Sequence[Entry]) -> str:
    if not entries:
        return ""
    failed = _count(entries, Status.FAILED)
    worst = min((entry.status for entry in entries), key=list(Status).index)
    mark = "" if not failed else " ✗" if failed == len(entries) else f" ✗{failed}"
    return f'<a class="{worst.style}" href="#{place}">{len(entries)}{mark}</a>'


def _section_name(section: str) -> str:
    """ "§6.9 WINDOW_UPDATE"; the section as it stands where it has no number."""
    _, sign, number = section.partition("§")
    return " ".join(filter(None, (f"§{number}" if sign else section, clauses.section_title(section))))


def _legend() -> str:
    words = "".join(f"<dt>{outcome.value}</dt><dd>{escape(text)}</dd>" for outcome, text in report.MEANING.items())
    return (
        '<details class="legend"><summary>What the words and signs mean</summary>\n'
        f"<dl>{words}<dt>skipped</dt><dd>not run; the case says why</dd></dl>\n"
        "<p>In an exchange, → is what the kit sent, ← what came from whom is tested. <mark>stimulus</mark> stands at "
        "the frames that a case is about. Whole and octets are the two ways in which everything is sent: as it is, and "
        "one octet at a time.</p></details>"
    )


# -- the cases ---------------------------------------------------------------------------------------------------------


def _filter(entries: Sequence[Entry]) -> str:
    columns = [column for column in COLUMNS if any(entry.column == column for entry in entries)]
    levels = [level.name for level in sorted({entry.case.level for entry in entries}, reverse=True)]
    roles = sorted({entry.case.role.value for entry in entries})
    states = ["failed", "passed", "skipped"]
    choices = [("status", states), ("outcome", columns), ("level", levels), *([("role", roles)] if roles[1:] else [])]
    selects = "".join(
        f'<label>{name} <select name="{name}"><option value="">all</option>'
        f"{''.join(f'<option>{value}</option>' for value in values)}</select></label>\n"
        for name, values in choices
    )
    return (
        '<h2 id="all">Cases</h2>\n<form id="filter" class="screen" hidden>\n'
        '<label class="text">text <input type="search" name="text" placeholder="PNG-01, RST_STREAM, 6.9" '
        f'autocomplete="off" spellcheck="false"></label>\n{selects}'
        '<button type="button" name="unfold">unfold</button> <button type="button" name="fold">fold</button>\n'
        '<output aria-live="polite"></output>\n</form>'
    )


def _document(document: str, entries: Sequence[Entry], handshakes: _Handshakes) -> str:
    title = escape(" ".join(filter(None, (document, clauses.document_title(document)))))
    sections = _sections(document, entries)
    shown = (_section(section, those, handshakes) for section, those in sections.items())
    return f'<section class="document"><h3 class="document">{title}</h3>\n{chr(10).join(shown)}\n</section>'


def _section(section: str, entries: Sequence[Entry], handshakes: _Handshakes) -> str:
    place = clauses.anchor(section)
    failed, skipped = _count(entries, Status.FAILED), _count(entries, Status.SKIPPED)
    badges = (f' <span class="badge bad">✗ {failed} failed</span>' if failed else "") + (
        f' <span class="badge none">– {skipped} skipped</span>' if skipped else ""
    )
    groups = []
    for column in sorted(
        COLUMNS, key=lambda name: not any(e.column == name and e.status is Status.FAILED for e in entries)
    ):
        those = sorted((e for e in entries if e.column == column), key=lambda entry: entry.status is not Status.FAILED)
        if those:
            cases = "\n".join(_case(entry, handshakes) for entry in those)
            head = f'<h4 id="{place}-{column}">{column} <small>{len(those)}</small></h4>'
            groups.append(f'<div class="group">{head}\n{cases}</div>')
    title = escape(_section_name(section))
    return (
        f'<details class="section" id="{place}"{" open" if failed else ""}><summary><h3>{title}</h3> '
        f'<span class="soft">{_plural(len(entries), "case")}</span>{badges}</summary>\n'
        f'<p class="read">{clause_link(section)}</p>\n{"".join(groups)}\n</details>'
    )


def _case(entry: Entry, handshakes: _Handshakes) -> str:
    case, status = entry.case, entry.status
    marks = "".join(f"; h2spec {escape(mark.id)}: {escape(mark.mark.value)}" for mark in case.h2spec)
    runs = "".join(_run(group, handshakes) for group in entry.runs)
    return (
        f'<details class="case {status.style}" id="{entry.anchor}" data-status="{status.value[2]}" '
        f'data-outcome="{entry.column}" data-level="{case.level.name}" data-role="{case.role.value}">'
        f'<summary><span class="badge {status.style}">{status.sign} {entry.column}</span> <b>{_name(entry)}</b> '
        f'<span class="level">{case.level.name}<span class="role"> {case.role.value}</span></span> '
        f'<span class="why">{escape(case.reason)}</span></summary>\n'
        f"<p>{clause_link(case.clause)}{marks}</p>\n"
        f"<p>Allowed, best first: {escape(str(case.expectation))}</p>\n{runs}</details>"
    )


def _run(results: Sequence[Result], handshakes: _Handshakes) -> str:
    """Runs that agree: what was seen, what was wrong, and the exchange of the first of them."""
    result = results[0]
    verdict = result.verdict
    ways = ", ".join(
        f"{count} cuts" if delivery is Delivery.SPLIT and count > 1 else delivery.value
        for delivery, count in Counter(each.delivery for each in results).items()
    )
    if verdict is None:
        said = f"<b>{ways}: skipped</b>: {escape(result.skipped)}"
    else:
        broken = "" if verdict.breaks is None else f"; breaks {verdict.breaks.name}"
        said = f"<b>{ways}: {verdict.outcome.value}{broken}</b>: {escape(verdict.seen)}"
    wrong = [] if verdict is None else [fault.text for fault in verdict.faults] + [str(v) for v in verdict.violations]
    listed = f'<ul class="wrong">{"".join(f"<li>✗ {escape(text)}</li>" for text in wrong)}</ul>' if wrong else ""
    frames = handshakes.exchange(result)
    return f"<p>{said}</p>{listed}{f'<ol>{frames}</ol>' if frames else ''}\n"


# -- exchanges ---------------------------------------------------------------------------------------------------------


class _Handshakes:
    """The handshake that most cases of a role have, which is shown once for all of them."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        seen: Counter[tuple[str, str]] = Counter()
        for entry in entries:
            for group in entry.runs:
                if handshake := _split(group[0])[0]:
                    seen[entry.case.role.value, handshake] += 1
        self._usual: dict[str, str] = {}
        for (role, handshake), count in seen.most_common():
            if count > 1:
                self._usual.setdefault(role, handshake)

    def exchange(self, result: Result) -> str:
        """The frames of a run as items of a list; of the usual handshake there is a link."""
        handshake, rest = _split(result)
        role = result.case.role.value
        if handshake and handshake == self._usual.get(role):
            handshake = f'<li class="phase"><a href="#handshake-{role}">{Phase.HANDSHAKE.value}</a>, as usual</li>'
        return handshake + rest

    def shown(self) -> str:
        """The usual ones."""
        return "\n".join(
            f'<details class="usual" id="handshake-{role}"><summary>The usual handshake of a {role}</summary>\n'
            f"<ol>{handshake}</ol></details>"
            for role, handshake in sorted(self._usual.items())
        )


def _split(result: Result) -> tuple[str, str]:
    """The items of the handshake and those of what follows it."""
    entries = transcript(result, FRAMES_MAX)
    stop = next((i for i, entry in enumerate(entries) if isinstance(entry, Phase) and entry is not Phase.HANDSHAKE), 0)
    return "".join(map(_item, entries[:stop])), "".join(map(_item, entries[stop:]))


def _item(entry: Line | Phase | Gap) -> str:
    if isinstance(entry, Phase):
        return f'<li class="phase">{entry.value}</li>\n'
    if isinstance(entry, Gap):
        return f'<li class="phase">{_plural(entry.frames, "frame")} left out</li>\n'
    frame = entry.frame
    arrow, style = ("→", "sent") if frame.is_sent else ("←", "came")
    said = escape(frame.says(OCTETS_SHOWN))
    name, place = ("octets", "") if frame.type == RAW else (escape(frame.name), f"length {frame.length}")
    place = f"stream {frame.stream_id}, {place}" if frame.stream_id else place
    parts = [f"<i>{' '.join(flags)}</i>"] if (flags := frame.flag_names()) else []
    parts += [f"<code>{said}</code>"] if said else []
    parts += ["<mark>stimulus</mark>"] if entry.is_stimulus else []
    parts += [f"<em>decides: {escape(entry.decides)}</em>"] if entry.decides else []
    parts += [f'<em class="bad">✗ {escape(text)}</em>' for text in entry.broken]
    return (
        f'<li class="{style}"><span class="dir">{arrow}</span> <b>{name}</b> <small>{place}</small> '
        f"<span>{' '.join(parts)}</span></li>\n"
    )
