"""The gate, the guard and `dataengine compare` decide by one rule, whatever an answer may be worth."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from dataengine.analysis.handler import AnalyzerHandler
from dataengine.cli.main import app
from dataengine.core.comparison import BOOTSTRAP, MCNEMAR, compare_units
from dataengine.core.decision import promote
from dataengine.core.events import RunRested, WeaknessReport
from dataengine.core.questions import Answer, AnswerMode
from dataengine.core.units import ScoringUnit
from dataengine.evaluation.benchmarks.registry import find_benchmark
from dataengine.evaluation.scorer import scorer_of
from dataengine.evaluation.scores import rule_of, with_units
from dataengine.wire.documents import AnalysisDoc, Prediction
from tests.unit.analysis.synthetic_run import SyntheticRun

ALPHA = 0.05
WORTH = {"red": 1.0, "pink": 0.6, "rose": 0.3, "blue": 0.0}
"""What the answers are worth: VQA accuracy over the ten people of `PEOPLE`, leaving out each in turn."""
PEOPLE = ["red"] * 5 + ["pink"] * 2 + ["rose"] + ["grey", "gray"]


@dataclass(frozen=True)
class Asked:
    """A question with what two checkpoints answered; None: no answer."""

    question_type: str
    image: int
    before: str | None
    now: str | None


@dataclass(frozen=True)
class Verdicts:
    """What `dataengine compare --json` printed, and the analyzer's decision on the same two files."""

    compare: dict[str, object]
    gate: AnalysisDoc

    @property
    def compare_promotes(self) -> bool:
        """Better as a whole, and no type worse, by what `compare` prints."""
        by_type = self.compare["by_type"]
        assert isinstance(by_type, dict)
        worse = [one for one in by_type.values() if one["difference"] < 0 and one["p_holm"] <= ALPHA]
        difference, p = self.compare["difference"], self.compare["p"]
        assert isinstance(difference, float) and isinstance(p, float)
        return difference > 0 and p <= ALPHA and not worse


def verdicts(asked: Sequence[Asked], scorer: str) -> Verdicts:
    with TemporaryDirectory() as name:
        return _verdicts(Path(name), asked, scorer)


def _verdicts(folder: Path, asked: Sequence[Asked], scorer: str) -> Verdicts:
    answers: list[str] | str = PEOPLE if scorer == "vqaeval" else "red"
    rows = [
        {"question": "Colour?", "image": f"{a.image}.png", "answer": answers, "type": a.question_type} for a in asked
    ]
    (folder / "q.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    own = folder / "own.yaml"
    own.write_text(f"name: own\nfile: q.jsonl\nscorer: {scorer}\ncolumns: {{type: type}}\n")
    sides = [[a.before for a in asked], [a.now for a in asked]]
    files = [folder / "before.jsonl", folder / "now.jsonl"]
    for file, side in zip(files, sides, strict=True):
        given = [{"question_id": str(i), "text": text} for i, text in enumerate(side)]
        file.write_text("".join(json.dumps(row) + "\n" for row in given))
    predictions = ["--predictions", str(files[0]), "--predictions", str(files[1])]
    printed = CliRunner().invoke(app, ["compare", str(own), *predictions, "--json"], catch_exceptions=False)
    run = SyntheticRun(settings={"analysis": {"guard": "all", "alpha": ALPHA}})
    for number, side in enumerate(sides):
        scored = in_the_loop(own, side)
        event = run.publish(number, [wrong_somewhere(), *scored], scored)
        (following,) = asyncio.run(AnalyzerHandler(run.store)(event))
    assert isinstance(following, WeaknessReport | RunRested)
    return Verdicts(json.loads(printed.stdout), AnalysisDoc.load(run.store, following.analysis))


def in_the_loop(own: Path, answers: Sequence[str | None]) -> list[Prediction]:
    """The predictions as the evaluator judges and stores them."""
    benchmark = find_benchmark(str(own))
    questions = benchmark.read(own.parent / "q.jsonl").questions
    scorer = scorer_of(benchmark, AnswerMode.FREE_FORM, None)
    rows = []
    for question, text in zip(questions, answers, strict=True):
        answer = None if text is None else scorer(question, Answer(question.question_id, text, ""))
        rows.append(
            Prediction(
                question_id=question.question_id,
                split="report",
                image=question.image,
                question=question.text,
                question_type=question.question_type,
                gold=question.answer_text,
                raw=text or "",
                read_as=answer.extracted if answer else "",
                score=answer.score if answer else None,
            )
        )
    return with_units(rule_of(benchmark, None), questions, rows)


def wrong_somewhere() -> Prediction:
    """A run needs a weakness and a diagnose answer."""
    return Prediction(
        question_id="d", split="diagnose", image="d", question="?", question_type="d", gold="a", raw="b", read_as="b",
        score=0.0,
    )  # fmt: skip


def drawn(seed: int, questions: int, images: int, moves: dict[str, float]) -> list[Asked]:
    """Two checkpoints of which the second answers each type better (or worse, below 0) in such a share of cases."""
    generator = random.Random(seed)
    asked = []
    for i in range(questions):
        name = generator.choice(list(moves))
        before = generator.choice([*WORTH, None] if generator.random() < 0.1 else [*WORTH])
        now = before
        if generator.random() < abs(moves[name]):
            now = "red" if moves[name] > 0 else "blue"
        elif generator.random() < 0.2:
            now = generator.choice([*WORTH])
        asked.append(Asked(name, i if images == 0 else generator.randrange(images), before, now))
    return asked


MOVES = st.sampled_from([-0.9, -0.5, -0.2, 0.0, 0.1, 0.3, 0.5, 0.9])


@given(
    seed=st.integers(0, 10**6),
    questions=st.integers(5, 60),
    images=st.sampled_from([0, 3, 12]),
    moves=st.fixed_dictionaries({"a": MOVES, "b": MOVES}),
    scorer=st.sampled_from(["vqaeval", "exact"]),
)
@example(seed=1, questions=60, images=0, moves={"a": 0.9, "b": -0.5}, scorer="vqaeval")
@example(seed=1, questions=60, images=12, moves={"a": 0.9, "b": -0.5}, scorer="exact")
@settings(max_examples=40, deadline=None)
def test_the_gate_agrees_with_compare_on_any_two_prediction_files(
    seed: int, questions: int, images: int, moves: dict[str, float], scorer: str
) -> None:
    asked = drawn(seed, questions, images, moves)
    if not any(one.before is not None and one.now is not None for one in asked):
        return
    seen = verdicts(asked, scorer)
    assert seen.gate.promoted == seen.compare_promotes, (seen.compare, seen.gate.promotion_reason)
    overall, said = seen.gate.against_base["overall"], seen.compare
    assert (overall.p, overall.gained, overall.lost) == (said["p"], said["better"], said["worse"])
    assert 100 * overall.difference == said["difference"]
    assert [100 * bound for bound in overall.interval] == said["interval"]


def sixty(before: str, now: str, question_type: str = "t") -> list[Asked]:
    """60 questions of which half move from one answer to another."""
    return [Asked(question_type, i, before, now if i % 2 else before) for i in range(60)]


def test_a_gain_of_twenty_points_in_fractions_is_promoted() -> None:
    seen = verdicts(sixty("pink", "red"), "vqaeval")
    assert seen.compare["test"] == BOOTSTRAP
    assert seen.compare["difference"] == pytest.approx(20.0)
    overall = seen.gate.against_base["overall"]
    assert (overall.gained, overall.lost) == (30, 0)
    assert overall.p < 1e-8
    assert seen.gate.promoted
    assert "+20.0 points" in seen.gate.promotion_reason


def test_a_loss_of_twenty_points_in_fractions_is_refused_and_seen() -> None:
    seen = verdicts(sixty("red", "pink"), "vqaeval")
    overall = seen.gate.against_base["overall"]
    assert overall.difference == pytest.approx(-0.2)
    assert (overall.gained, overall.lost) == (0, 30)
    assert overall.p < 1e-8
    assert not seen.gate.promoted
    assert seen.compare["p"] == overall.p


def test_the_guard_sees_a_type_that_lost_twenty_points_under_a_better_whole() -> None:
    asked = [*sixty("red", "pink", "guarded"), *(Asked("other", 100 + i, "blue", "red") for i in range(60))]
    seen = verdicts(asked, "vqaeval")
    assert seen.gate.against_base["overall"].difference > 0
    assert not seen.gate.promoted
    assert "worse at guarded" in seen.gate.promotion_reason


def test_right_or_wrong_scores_are_tested_exactly_whatever_the_scorer_could_give() -> None:
    seen = verdicts(sixty("blue", "red"), "vqaeval")
    assert seen.compare["test"] == MCNEMAR
    assert seen.compare["p"] == 2 * 0.5**30


def two_answers(generator: random.Random, questions: int, images: int, moving: float, grades: Sequence[float]) -> bool:
    """Whether a checkpoint that answers like the other, by chance alone differently, is promoted over it."""
    hard = [generator.random() for _ in range(images)]

    def answer(image: int) -> float:
        return generator.choice(grades) if generator.random() < hard[image] else grades[-1]

    before, now = [], []
    for i in range(questions):
        image = i % images
        first = answer(image)
        second = answer(image) if generator.random() < moving else first
        if generator.random() < 0.5:
            first, second = second, first
        before.append(ScoringUnit(str(i), "t", str(image), first))
        now.append(ScoringUnit(str(i), "t", str(image), second))
    compared = compare_units(before, now)
    return promote(compared.overall, {}, alpha=ALPHA).promoted


@pytest.mark.parametrize("grades", [(0.0, 1.0), (0.0, 0.3, 0.6, 0.9, 1.0), (0.6, 1.0)])
@pytest.mark.parametrize(
    ("questions", "images", "moving"), [(12, 6, 1.0), (40, 40, 0.1), (60, 20, 0.5), (100, 100, 0.05), (120, 40, 1.0)]
)
def test_an_equal_checkpoint_is_promoted_in_at_most_alpha_of_all_cases(
    questions: int, images: int, moving: float, grades: Sequence[float]
) -> None:
    generator = random.Random(f"{questions} {images} {moving} {grades}")
    cases = 300
    promoted = sum(two_answers(generator, questions, images, moving, grades) for _ in range(cases))
    # one side of a two-sided test at 5 % is 2.5 %: 7.5 of 300; a true rate of 5 % would be above 15 half of the time
    assert promoted <= ALPHA * cases


def test_the_test_is_not_kept_safe_by_never_promoting() -> None:
    generator = random.Random(5)
    promoted = sum(two_answers(generator, 80, 40, 1.0, (0.0, 0.3, 0.6, 0.9, 1.0)) for _ in range(600))
    assert promoted >= 5
