"""One case in plain lines, for a screen reader: a label, then what it is; no drawings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from approvals.screen.model import Sample, Shown


def aloud(face: Shown, samples: Sequence[Sample], first: int) -> list[str]:
    """Tell a case and `samples`, of which the first is its `first`-th."""
    return [*_about(face), *_samples(face, samples, first), *_needs(face)]


def _about(face: Shown) -> Iterator[str]:
    yield f"{face.who}: {face.verdict}, {face.score}"
    yield f"what: {face.what}"
    for number, reason in enumerate(face.why, 1):
        above = "" if reason.above is None else f", above {reason.above:.0%} of sources"
        yield f"why {number}: {reason.detector} {reason.score:.2f}{above}: {reason.because}"
    if not face.why:
        yield "why: no finding"
    yield f"when: {face.since}, {face.pace}"
    busy = [str(count) for count in face.activity]
    yield f"events in {len(busy)} equal parts of that time: {' '.join(busy) or 'none'}"
    if face.agreement is not None:
        usual = "" if face.usual is None else f", {face.usual:.0%} is usual"
        yield f"agrees with the others: {face.agreement:.0%}{usual}"
    yield f"company: {face.cluster}"
    yield f"before: {face.change}"


def _samples(face: Shown, samples: Sequence[Sample], first: int) -> Iterator[str]:
    yield f"samples {first} to {first + len(samples) - 1} of {face.events}:"
    for number, sample in enumerate(samples, first):
        hides = f", hides {', '.join(sample.marks)}" if sample.marks else ""
        yield f"sample {number}, {sample.why}{hides}: {sample.about}: {sample.says}"
        told = (sample.others, sample.before, sample.text)
        yield f"  {'; '.join(part for part in told if part)}"


def _needs(face: Shown) -> Iterator[str]:
    yield f"needs: {face.needs}"
    yield f"you may not let it through: {face.hindrance}" if face.hindrance else "you may decide"


def whole(samples: Sequence[Sample]) -> list[str]:
    """Tell samples whole, with every hidden character by its name."""
    lines = ["", "the samples on the screen, whole:"]
    for sample in samples:
        lines += ["", f"{sample.about}: {sample.says}", f"  {sample.text}"]
        lines += [f"  hides {each}" for each in sample.hidden]
    return lines
