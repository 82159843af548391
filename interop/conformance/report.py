"""Results for a reader: one line a failure, a summary, the frames of a case, JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from http2.frames import WINDOW_UPDATE
from interop.conformance.model import Case, Level, Outcome
from interop.conformance.recording import Phase
from interop.conformance.run import Result
from interop.conformance.transcript import Gap, Line, transcript

_FRAMES_SHOWN = 3

MEANING = {
    Outcome.EXACT: "the demanded error with the demanded code",
    Outcome.GENERIC: "PROTOCOL_ERROR or INTERNAL_ERROR in its place, which §5.4 allows",
    Outcome.ESCALATED: "a connection error in the place of a stream error, which §5.4.1 allows",
    Outcome.ANSWERED: "an HTTP status 4xx, or 502 of a proxy, which §8.1.1 allows for a malformed request",
    Outcome.REPORTED: "nothing on the wire, but the client's user was told that the message is malformed",
    Outcome.SILENT_CLOSE: "the end of the connection without GOAWAY: breaks a SHOULD",
    Outcome.TOLERATED: "everything went on working: the best outcome where an error would be wrong, else a fault",
    Outcome.WRONG: "an error, and not one that is allowed",
    Outcome.HUNG: "no answer",
    Outcome.CRASHED: "an exception, or a process that died",
}
"""What each outcome means, for a reader."""


def failure_line(result: Result) -> str:
    """What was sent, what came, what was allowed, and the clause, in one line."""
    verdict = result.verdict
    assert verdict is not None
    case = result.case
    broken = verdict.breaks.name if verdict.breaks is not None else "nothing"
    extra = [fault.text for fault in verdict.faults] + [str(violation) for violation in verdict.violations]
    return (
        f"{broken} {case.key} ({result.delivery.value}): sent {stimulus(result)}; came {verdict.outcome.value}:"
        f" {verdict.seen}{''.join(f'; also {text}' for text in extra)}; allowed: {case.expectation}  [{case.clause}]"
    )


def stimulus(result: Result) -> str:
    """What the script sent: the frames that the case is about, the last of them first to be shown, and others around
    them where there is room; how many are left out where they are."""
    sent = _script_frames(result)
    about = [index for index in sent if index in result.notes.stimulus]
    shown = [*reversed(about), *(index for index in sent if index not in about)][:_FRAMES_SHOWN]
    parts: list[str] = []
    left_out = 0
    for index in sent:
        if index not in shown:
            left_out += 1
            continue
        if left_out:
            parts.append(f"{left_out} more")
        left_out = 0
        parts.append(str(result.frames[index]))
    return " + ".join(parts + ([f"{left_out} more"] if left_out else [])) or "nothing"


def _script_frames(result: Result) -> list[int]:
    """Where the frames are that the script sent: without the handshake before it, the PING and the request behind it,
    and without what the tester says by itself, acknowledgements and windows."""
    starts = {phase: start for start, phase in result.notes.phases}
    stop = min((at for phase, at in starts.items() if phase in (Phase.BARRIER, Phase.PROBE)), default=None)
    return [
        index
        for index in range(starts.get(Phase.SCRIPT, 0), len(result.frames) if stop is None else stop)
        if (frame := result.frames[index]).is_sent
        and (index in result.notes.stimulus or not (frame.is_ack or frame.type == WINDOW_UPDATE))
    ]


def summary(results: Sequence[Result], level: Level) -> str:
    """How many passed, by class."""
    ran = [result for result in results if result.verdict is not None]
    failed = [result for result in ran if not result.passes(level)]
    best = sum(result.verdict is not None and result.verdict.best for result in ran)
    classes = Counter(result.verdict.outcome.value for result in ran if result.verdict is not None)
    listed = ", ".join(f"{count} {name}" for name, count in classes.most_common())
    skipped = len(results) - len(ran)
    return (
        f"{len(ran)} runs of {len({result.case.key for result in ran})} cases: {len(ran) - len(failed)} passed"
        f" ({best} at their best), {len(failed)} failed at {level.name}{f', {skipped} skipped' if skipped else ''}"
        f" ({listed})"
    )


def section_of(case: Case) -> str:
    """The RFC and the section that a case is counted under: "RFC 9113 §6.9" for one of §6.9.1."""
    return section_of_clause(case.clause)


def section_of_clause(clause: str) -> str:
    """As `section_of`, of what a case carries."""
    document, _, section = clause.partition(" §")
    return f"{document} §{'.'.join(section.split(' ')[0].split('.')[:2])}"


def section_order(section: str) -> tuple[str, list[int]]:
    """A key to sort sections as the RFCs have them."""
    document, _, numbers = section.partition(" §")
    return document, [int(part) if part.isdigit() else 0 for part in numbers.split(".")]


def sections(results: Iterable[Result], level: Level) -> str:
    """A table: of each section, how many runs there were and what became of them."""
    rows: dict[str, Counter[str]] = {}
    for result in results:
        row = rows.setdefault(section_of(result.case), Counter())
        if result.verdict is None:
            row["skipped"] += 1
            continue
        row["runs"] += 1
        row["best"] += result.verdict.best
        row["failed"] += not result.passes(level)
    columns = ("runs", "best", "failed", "skipped")
    lines = [f"{'section':20}" + "".join(f"{name:>9}" for name in columns)]
    for section in sorted(rows, key=section_order):
        lines.append(f"{section:20}" + "".join(f"{rows[section][name]:9}" for name in columns))
    return "\n".join(lines)


def explain(case: Case, results: Iterable[Result]) -> str:
    """A case: why it exists, what may come, and the frames of each run."""
    lines = [
        f"{case.key}  {case.level.name}  {case.clause}",
        f"  {case.reason}",
        f"  allowed, best first: {case.expectation}",
    ]
    lines += [f"  h2spec {entry.id}: {entry.mark.value}" for entry in case.h2spec]
    for result in results:
        verdict = result.verdict
        state = f"skipped: {result.skipped}" if verdict is None else f"{verdict.outcome.value}: {verdict.seen}"
        lines.append(f"  {result.delivery.value}: {state}")
        lines += [f"    {line}" for line in _lines(transcript(result))]
        if verdict is not None:
            lines += [f"    ! {fault.text}" for fault in verdict.faults]
            lines += [f"    ! {violation}" for violation in verdict.violations]
            lines.append(f"    {'passed' if verdict.breaks is None else 'breaks ' + verdict.breaks.name}")
    return "\n".join(lines)


def _lines(entries: Sequence[Line | Phase | Gap]) -> Iterator[str]:
    about = 0  # frames in a row that the case is about
    for number, entry in enumerate(entries):
        if isinstance(entry, Phase):
            yield f"{entry.value}:"
        elif isinstance(entry, Line):
            yield f"{'->' if entry.frame.is_sent else '<-'} {entry.frame}"
            yield from (f"   ^ {note}" for note in entry.notes)
            about = about + 1 if entry.is_stimulus else 0
            following = entries[number + 1] if number + 1 < len(entries) else None
            if about and not (isinstance(following, Line) and following.is_stimulus):
                yield f"   ^ {'this is' if about == 1 else f'these {about} are'} what the case is about"


def as_json(results: Iterable[Result]) -> list[dict[str, Any]]:
    """Every run as an object that `json` can write."""
    return [_object(result) for result in results]


def _object(result: Result) -> dict[str, Any]:
    case, verdict = result.case, result.verdict
    entry: dict[str, Any] = {
        "id": case.id,
        "role": case.role.value,
        "level": case.level.name,
        "clause": case.clause,
        "reason": case.reason,
        "delivery": result.delivery.value,
        "allowed": str(case.expectation),
        "h2spec": [{"id": mark.id, "mark": mark.mark.value} for mark in case.h2spec],
    }
    if verdict is None:
        return entry | {"skipped": result.skipped}
    return entry | {
        "outcome": verdict.outcome.value,
        "seen": verdict.seen,
        "breaks": verdict.breaks.name if verdict.breaks is not None else None,
        "best": verdict.best,
        "faults": [fault.text for fault in verdict.faults],
        "violations": [{"rule": v.rule, "level": v.level.name, "text": v.text} for v in verdict.violations],
        "frames": [{"sent": frame.is_sent, "text": str(frame)} for frame in result.frames],
    }
