"""The exchange of a run, frame by frame, with what there is to say of each: for `--explain` and for the HTML report.

    for entry in transcript(result):        # a Phase begins; a Line: a frame and its notes; a Gap: frames left out

Three things are said of a frame: that it is the stimulus, what the case is about; that it decided the verdict; and the
rules that it broke in passing. What is said of the run as a whole, its faults, is the verdict's.
"""

from __future__ import annotations

from dataclasses import dataclass

from interop.conformance.recording import Phase
from interop.conformance.run import Result
from interop.conformance.wire import WireFrame


@dataclass(frozen=True)
class Line:
    """A frame. `decides` is the outcome that it was taken for, `broken` the rules that it broke, in words."""

    frame: WireFrame
    is_stimulus: bool = False
    decides: str = ""
    broken: tuple[str, ...] = ()

    @property
    def notes(self) -> list[str]:
        """What decided and what was broken, a line each."""
        return ([f"decides: {self.decides}"] if self.decides else []) + [f"breaks {text}" for text in self.broken]


@dataclass(frozen=True)
class Gap:
    """So many frames are left out here."""

    frames: int


def transcript(result: Result, frames_max: int | None = None) -> list[Line | Phase | Gap]:
    """Every frame of a run, and where its parts begin.

    With `frames_max`, the first and the last ones of a longer run: two thirds of so many, and one third. Where there is
    something to say of a frame, it stays.
    """
    verdict = result.verdict
    starts = {index: phase for index, phase in result.notes.phases if index < len(result.frames)}
    broken: dict[int, list[str]] = {}
    for index, violation in result.notes.broken:
        broken.setdefault(index, []).append(str(violation))
    entries: list[Line | Phase | Gap] = []
    left_out = 0
    for index, frame in enumerate(result.frames):
        decides = verdict.outcome.value if verdict is not None and verdict.decisive is frame else ""
        is_near = frames_max is None or index < frames_max * 2 // 3 or index >= len(result.frames) - frames_max // 3
        is_shown = is_near or decides or index in broken
        if left_out and (is_shown or index in starts):
            entries.append(Gap(left_out))
            left_out = 0
        if index in starts:
            entries.append(starts[index])
        if is_shown:
            entries.append(Line(frame, index in result.notes.stimulus, decides, tuple(broken.get(index, ()))))
        else:
            left_out += 1
    return entries + ([Gap(left_out)] if left_out else [])
