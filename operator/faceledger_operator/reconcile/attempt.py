"""The life of a subject: one attempt after another, until one has a result that is final on the chain.

    nothing --inputs there, nothing of before left--> start --> running --> result known --> committing --> final
                                                        ^          |
                                          pause is over |          +-- infrastructure failed ----> pausing
                                                        +--------------- deleted by hand (no pause) --|
                                                        ^          |                                  v too often
                                 spec edited, or a      |          +-- failed for good ----------> given up
                                 request to try again --+-------------------------------------------- |

In: an observation and the time. Out: a decision. Pure. Invariant: a run's signed report outweighs everything that
KubeRay says, and no decision starts a RayJob while anything of another attempt is left.
"""

from __future__ import annotations

from datetime import datetime

from .claims import paused
from .committing import decide_commitment, decide_result
from .decision import Decision, keep
from .observation import Observation
from .running import decide_running, with_image
from .starting import decide_given_up, decide_pausing, decide_start
from .tidying import release

__all__ = ["decide"]


def decide(observation: Observation, now: datetime) -> Decision:
    """What to do about the subject now."""
    attempt = observation.attempt
    if observation.paused:
        return _paused(observation)
    if attempt is None:
        return decide_start(observation, number=1, failures=0)
    if observation.result_known:
        return release(observation, attempt, decide_commitment(observation, attempt, now), now)
    if attempt.end_time is not None:
        if attempt.retry_at is None:
            return decide_given_up(observation, attempt, now)
        return decide_pausing(observation, attempt, attempt.retry_at, now)
    if not observation.running:
        return decide_start(observation, attempt.number, attempt.failures)
    attempt = with_image(observation, attempt)
    return decide_result(observation, attempt, now) or decide_running(observation, attempt, now)


def _paused(observation: Observation) -> Decision:
    """What has ended keeps its conditions: they say more than that nothing is done now."""
    attempt = observation.attempt
    if attempt is not None and attempt.end_time is not None:
        return keep(observation)
    return Decision(paused(), observation.status)
