"""Error rates of a run: each figure on trials small enough to count by hand, and the report on simulated people."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from faceledger_workloads.embedding.rows import Embeddings
from faceledger_workloads.evaluation import EvaluationReport, TrialLog, Trials, read_groups, report
from faceledger_workloads.evaluation.answers import Answers
from faceledger_workloads.evaluation.equal_error import equal_error_rate
from faceledger_workloads.evaluation.identification import (
    false_positive_rate_above,
    true_positive_rate_above,
    true_positive_rate_at,
)
from faceledger_workloads.evaluation.ranks import rank_rate
from faceledger_workloads.evaluation.trials import RANKS
from faceledger_workloads.evaluation.verification import (
    false_match_rate_above,
    true_match_rate_above,
    true_match_rate_at,
)
from faceledger_workloads.evaluation.weights import Figure, Weighted, drawn, plain
from faceledger_workloads.failures import RunFailed
from faceledger_workloads.images.source import Photo
from faceledger_workloads.matching.gallery import TemplateGallery
from faceledger_workloads.matching.scores import make_scorer
from faceledger_workloads.runreport import FailureReason
from faceledger_workloads.runspec import Images, Score

NAN, NONE = np.nan, -np.inf


def trials(impostors: list[float] | None = None) -> Trials:
    """Enrolled: 0, 1, 2. Four of their probes, the last one without a face, and two of the stranger 3."""
    scores = np.sort(np.array([0.1, 0.2, 0.3, 0.4, 0.5] if impostors is None else impostors))[::-1]
    return Trials(
        people=3,
        identities=4,
        faces=np.array([0, 1, 2, 2, 3, 3]),
        own=np.array([0.9, 0.6, 0.35, NONE, NAN, NAN]),
        rank=np.array([1, 1, 2, 0, 0, 0]),
        other=np.array([0.3, 0.4, 0.5, NONE, 0.2, 0.7]),
        groups=("a", "a", "b", None, "b", "b"),
        impostor_scores=scores,
        impostor_probes=np.arange(len(scores)) % 3,
        impostor_people=(np.arange(len(scores)) + 1) % 3,
    )


@pytest.mark.parametrize(
    ("figure", "expected"),
    [
        pytest.param(rank_rate(1), 0.5, id="rank 1; a missing face finds nobody"),
        pytest.param(rank_rate(2), 0.75, id="rank 2"),
        pytest.param(true_match_rate_above(0.5), 0.5, id="right people above a threshold"),
        pytest.param(true_match_rate_above(0.6), 0.25, id="a score equal to it is no match"),
        pytest.param(false_match_rate_above(0.3), 0.4, id="others above it"),
        pytest.param(true_positive_rate_above(0.3), 0.5, id="found first and above"),
        pytest.param(false_positive_rate_above(0.45), 0.4, id="searches without a right answer, with a face"),
        pytest.param(true_match_rate_at(0.001), None, id="five comparisons tell nothing of one in a thousand"),
        pytest.param(true_match_rate_at(0.6), 0.75, id="three of five may match: above 0.2"),
        pytest.param(true_positive_rate_at(0.01), None, id="five searches tell nothing of one in a hundred"),
        pytest.param(true_positive_rate_at(0.6), 0.5, id="three of five searches may: above 0.3"),
    ],
)
def test_figures_count_what_they_say(figure: Figure, expected: float | None) -> None:
    assert figure(plain(trials())) == (expected if expected is None else pytest.approx(expected))


def test_where_nobody_is_enrolled_there_is_no_right_answer() -> None:
    strangers = trials().of("b")
    nobody = Weighted(strangers, np.array([0.0, 1.0, 1.0]), np.ones(len(strangers.impostor_scores)))
    assert rank_rate(1)(nobody) is None
    assert equal_error_rate(nobody) is None


@pytest.mark.parametrize(
    ("own", "others", "expected"),
    [
        pytest.param([0.8, 0.9], [0.1, 0.2], 0.0, id="apart"),
        pytest.param([0.1, 0.2], [0.8, 0.9], 1.0, id="the wrong way round"),
        pytest.param([0.4, 0.6, 0.8, 0.9], [0.1, 0.2, 0.3, 0.5], 0.25, id="one of four on either side"),
    ],
)
def test_the_equal_error_rate_is_where_both_errors_are_alike(
    own: list[float], others: list[float], expected: float
) -> None:
    count = len(own)
    paired = Trials(
        people=count,
        identities=count,
        faces=np.arange(count),
        own=np.array(own),
        rank=np.ones(count, dtype=np.intp),
        other=np.zeros(count),
        groups=(None,) * count,
        impostor_scores=np.sort(np.array(others))[::-1],
        impostor_probes=np.arange(len(others)),
        impostor_people=np.arange(len(others)),
    )
    assert equal_error_rate(plain(paired)) == pytest.approx(expected)


def test_a_group_has_its_own_searches_and_comparisons() -> None:
    part = trials().of("a")
    assert part.faces.tolist() == [0, 1]
    assert part.impostor_scores.tolist() == [0.5, 0.4, 0.2, 0.1]
    assert part.impostor_probes.tolist() == [0, 1, 0, 1]


def test_people_are_drawn_with_all_of_their_trials() -> None:
    for weighted in drawn(trials()):
        assert weighted.searches[2] == weighted.searches[3]
        assert weighted.searches[4] == weighted.searches[5] == 1, "there is one stranger to draw"
        assert weighted.searches[[0, 1, 2]].sum() == 3
        assert weighted.comparisons[0] == weighted.searches[0] * weighted.searches[1]


def simulated(people: int = 12, strangers: int = 4, photos: int = 6) -> tuple[Trials, Answers]:
    random = np.random.default_rng(3)
    centres = random.normal(size=(people + strangers, 1, 32)) + 1
    rows: Embeddings = (centres + 0.5 * random.normal(size=(people + strangers, photos, 32))).astype(np.float32)
    names = [f"p{number:02d}" for number in range(people + strangers)]
    gallery = TemplateGallery.build(rows[:people, 0], names[:people])
    scorer = make_scorer(Score.COSINE, gallery)
    log = TrialLog(gallery.people, {name: "odd" if int(name[1:]) % 2 else "even" for name in names}, 100)
    for number, name in enumerate(names):
        probes = scorer.prepare(rows[number, 1:])
        own = scorer.compare(probes, np.full(photos - 1, number)) if number < people else np.full(photos - 1, np.nan)
        shots = [Photo(f"{name}/{shot}.png", name) for shot in range(photos - 1)]
        log.searched(shots, scorer, probes, scorer.search(probes, RANKS), own)
    log.missed(Photo("p00/wall.png", "p00"))
    found = log.trials()
    assert found is not None
    return found, Answers(gallery.people)


@pytest.fixture(scope="module")
def reported() -> EvaluationReport:
    found, answers = simulated()
    return report(found, answers, threshold=0.8)


def test_the_report_gives_every_figure_with_an_interval_and_by_group(reported: EvaluationReport) -> None:
    document = json.loads(reported.files["evaluation.json"])
    assert set(document["groups"]) == {"even", "odd"}
    assert document["people"] == 12
    assert (document["enrolledProbes"], document["unenrolledProbes"]) == (61, 20)
    assert document["comparisonsWithOthers"] == 60 * 11 + 20 * 12
    for part in (document, *document["groups"].values()):
        for figure in part["figures"].values():
            assert 0 <= figure["low"] <= figure["value"] <= figure["high"] <= 1
    assert document["figures"]["rank1"]["low"] < document["figures"]["rank1"]["high"]
    assert reported.summary.rank1_estimate is not None
    assert reported.summary.true_match_rate is None, "900 comparisons do not tell a rate of 0.001"


def test_the_report_is_the_same_bytes_for_the_same_trials(reported: EvaluationReport) -> None:
    again = report(*simulated(), threshold=0.8)
    assert sorted(again.files) == ["cmc.png", "det.png", "evaluation.json"]
    assert dict(again.files) == dict(reported.files)


def test_without_named_probes_there_are_no_trials() -> None:
    assert TrialLog(("ada",), {}, 5).trials() is None


def labels(folder: Path, content: str) -> Images:
    (folder / "labels.csv").write_text(content)
    return Images(path=str(folder), labels="labels.csv")


def test_labels_name_photos_or_peoples_folders(tmp_path: Path) -> None:
    images = labels(tmp_path, "path,group,note\nada/,north,x\nben/2.jpg,south,y\n")
    assert read_groups(images) == {"ada": "north", "ben/2.jpg": "south"}
    assert read_groups(Images(path=str(tmp_path))) == {}


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        pytest.param("file,group\nada,north\n", "columns path and group", id="another column"),
        pytest.param("path,group\nada,\n", "line 2 has no path or no group", id="a line without a group"),
        pytest.param("path,group\n" + "".join(f"p{n},g{n}\n" for n in range(51)), "51 groups", id="a column of names"),
    ],
)
def test_labels_that_cannot_be_used_are_refused_by_line(tmp_path: Path, content: str, problem: str) -> None:
    with pytest.raises(RunFailed, match=problem) as caught:
        read_groups(labels(tmp_path, content))
    assert caught.value.failure.reason is FailureReason.RUN_SPEC_INVALID


def test_missing_labels_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(RunFailed, match=r"probes.labels labels.csv cannot be read"):
        read_groups(Images(path=str(tmp_path), labels="labels.csv"))
