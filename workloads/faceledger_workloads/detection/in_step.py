"""Asks a detector about many photos together, although each photo is searched by a course of its own.

In: courses: generators that yield the images in which they want faces looked for, get the faces of each, and at last
return a result. Out: the results, in order. Invariant: a course gets what it would get alone.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import TypeVar

from faceledger_workloads.detection.box import Detection, FaceDetector
from faceledger_workloads.images.decode import Pixels

__all__ = ["Course", "in_step"]

Result = TypeVar("Result")

Course = Generator[list[Pixels], list[list[Detection]], Result]


def in_step(courses: Sequence[Course[Result]], detector: FaceDetector) -> list[Result]:
    """Each course to its end; in every round the detector sees what all of them ask about."""
    results: dict[int, Result] = {}
    asked: dict[int, list[Pixels]] = {}

    def go_on(number: int, answer: list[list[Detection]] | None) -> None:
        try:
            asked[number] = courses[number].send(answer)  # type: ignore[arg-type]  # None starts a generator
        except StopIteration as end:
            asked.pop(number, None)
            results[number] = end.value

    for number in range(len(courses)):
        go_on(number, None)
    while asked:
        found = iter(detector.detect([pixels for images in asked.values() for pixels in images]))
        for number, images in list(asked.items()):
            go_on(number, [next(found) for _ in images])
    return [results[number] for number in range(len(courses))]
