"""Results for a reader: one line a failure, a summary, the frames of a case, JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from http2.frames import PREFACE, SETTINGS
from interop.conformance.model import Case, Level
from interop.conformance.run import Result
from interop.conformance.wire import WireFrame

_FRAMES_SHOWN = 3


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
    """The last frames that the script sent."""
    sent = [frame for frame in script_frames(result.frames) if frame.is_sent]
    shown = [str(frame) for frame in sent[:_FRAMES_SHOWN]]
    return (
        " + ".join(shown) + (f" + {len(sent) - _FRAMES_SHOWN} more" if len(sent) > _FRAMES_SHOWN else "") or "nothing"
    )


def script_frames(frames: Sequence[WireFrame]) -> list[WireFrame]:
    """Without the handshake at the start, and without acknowledgements."""
    kept = [frame for frame in frames if not frame.is_ack and frame.payload != PREFACE]
    while kept and kept[0].type == SETTINGS:
        del kept[0]
    return kept


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
    document, _, _ = case.clause.partition(" §")
    return f"{document} §{'.'.join(case.section.split('.')[:2])}"


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
        lines += [f"    {'->' if frame.is_sent else '<-'} {frame}" for frame in result.frames]
        if verdict is not None:
            lines += [f"    ! {fault.text}" for fault in verdict.faults]
            lines += [f"    ! {violation}" for violation in verdict.violations]
            lines.append(f"    {'passed' if verdict.breaks is None else 'breaks ' + verdict.breaks.name}")
    return "\n".join(lines)


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
