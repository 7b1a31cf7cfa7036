"""S > T, the ranking, and how right the answers were."""

from __future__ import annotations

from decimal import Decimal

import pytest
from faceledger_workloads.evaluation.answers import Answers, JudgedProbe
from faceledger_workloads.judge import EncodeJudge, IdentifyJudge, Verdict, VerifyJudge
from faceledger_workloads.matching.decision import Candidate, identify
from faceledger_workloads.results import CandidateLine, ProbeOutcome, ProbeReject
from faceledger_workloads.runreport import Evaluation

PEOPLE = ("ada", "ben", "cleo")
RANKING = (Candidate(1, 0.9512), Candidate(2, 0.5), Candidate(0, 0.1))
OWN = {"ada": 0.1, "ben": 0.9512, "cleo": 0.5}


@pytest.mark.parametrize(
    ("score", "person"),
    [
        pytest.param(0.95, 1, id="the likest person above the threshold"),
        pytest.param(0.9, None, id="a score equal to the threshold is unknown"),
        pytest.param(0.3, None, id="nobody above it"),
    ],
)
def test_a_probe_is_identified_only_above_the_threshold(score: float, person: int | None) -> None:
    assert identify((Candidate(1, score), Candidate(0, 0.2)), 0.9) == person


@pytest.mark.parametrize(
    ("judge", "claim", "verdict"),
    [
        pytest.param(
            IdentifyJudge(PEOPLE, 0.9, 2, include_scores=False),
            "ada",
            Verdict(ProbeOutcome.IDENTIFIED, identity="ben", likest="ben"),
            id="identified, scores hidden",
        ),
        pytest.param(
            IdentifyJudge(PEOPLE, 0.9, 2, include_scores=True),
            None,
            Verdict(
                ProbeOutcome.IDENTIFIED,
                identity="ben",
                likest="ben",
                score=0.951,
                candidates=(CandidateLine(identity="ben", score=0.951), CandidateLine(identity="cleo", score=0.5)),
            ),
            id="identified, scores shown and rounded",
        ),
        pytest.param(
            IdentifyJudge(PEOPLE, 0.99, 2, include_scores=False),
            "ben",
            Verdict(ProbeOutcome.UNKNOWN, likest="ben"),
            id="unknown, whoever the folder names",
        ),
        pytest.param(
            VerifyJudge(0.9, include_scores=False),
            "ben",
            Verdict(ProbeOutcome.MATCH, identity="ben"),
            id="a true claim matches",
        ),
        pytest.param(
            VerifyJudge(0.9, include_scores=True),
            "cleo",
            Verdict(ProbeOutcome.NON_MATCH, identity="cleo", score=0.5),
            id="a false claim does not",
        ),
        pytest.param(
            VerifyJudge(0.9, include_scores=True),
            "dora",
            Verdict(ProbeOutcome.NON_MATCH, identity="dora"),
            id="somebody who is not enrolled never matches",
        ),
        pytest.param(
            VerifyJudge(0.9, include_scores=False),
            None,
            Verdict(ProbeOutcome.REJECTED, reason=ProbeReject.NO_CLAIM),
            id="no claim, no comparison",
        ),
        pytest.param(EncodeJudge(), "ada", Verdict(ProbeOutcome.ENCODED), id="encoding compares nobody"),
    ],
)
def test_every_task_answers_every_probe(
    judge: IdentifyJudge | VerifyJudge | EncodeJudge, claim: str | None, verdict: Verdict
) -> None:
    assert judge.judge(claim, RANKING, OWN.get(claim or "")) == verdict


def test_the_evaluation_counts_a_missing_face_as_a_miss_and_strangers_apart() -> None:
    probes = [
        JudgedProbe("ada", likest="ada", answer="ada"),
        JudgedProbe("ada", likest="ada", answer=None),
        JudgedProbe("ben", likest="ada", answer="ada"),
        JudgedProbe("ben", likest=None, answer=None),
        JudgedProbe("zoe", likest="ada", answer=None),
        JudgedProbe("zoe", likest="ben", answer="ben"),
    ]
    assert Answers(PEOPLE, probes, gallery_photos=1).counted() == Evaluation(
        enrolled_probes=4,
        rank1=Decimal("0.5"),
        correctly_identified=1,
        unenrolled_probes=2,
        unenrolled_accepted=1,
        gallery_photos=1,
    )


def test_without_enrolled_probes_there_is_no_rank() -> None:
    assert Answers(PEOPLE, [JudgedProbe("zoe", "ada", None)]).counted().rank1 is None
