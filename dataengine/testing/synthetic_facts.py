"""What the made-up run is made of: questions, accuracies, images, predictions and samples, all without a store."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from io import BytesIO

from PIL import Image, ImageDraw

from dataengine.core.identity import derived_id, digest_of
from dataengine.core.questions import Split
from dataengine.core.samples import LETTERS, Lineage, Refusal, Sample
from dataengine.core.statistics import wilson_interval
from dataengine.runtime.runfile import RunFile
from dataengine.wire.documents import Prediction, Score, SplitScores

LAST_ROUND = 3
BUDGET = 120
CHANCE = 0.25

TYPES: Mapping[str, tuple[str, tuple[str, str, str, str]]] = {
    "Scene Understanding": (
        "Where does the picture seem to be taken?",
        ("in a park", "at a beach", "indoors", "in a city"),
    ),
    "Instance Identity": ("What is the animal near the fence?", ("a dog", "a cat", "a horse", "a duck")),
    "Instance Attributes": ("What color is the car?", ("red", "blue", "green", "yellow")),
    "Instance Location": ("Where is the ball?", ("top left", "bottom right", "in the middle", "bottom left")),
    "Instances Counting": ("How many trees are in the picture?", ("two", "three", "four", "five")),
    "Spatial Relation": (
        "Where is the cat in relation to the box?",
        ("left of it", "right of it", "above it", "below it"),
    ),
    "Instance Interaction": (
        "What is the person doing with the kite?",
        ("flying it", "holding it", "carrying it", "kicking it"),
    ),
    "Visual Reasoning": (
        "Why does the person hold an umbrella?",
        ("it rains", "it is sunny", "it is windy", "it snows"),
    ),
    "Text Understanding": ("What is written on the sign?", ("STOP", "TAXI", "CAFE", "EXIT")),
}
"""Question type → the question that is always asked, and its options; option 0 is right."""

ACCURACY: Mapping[str, tuple[float, ...]] = {
    "Scene Understanding": (0.86, 0.86, 0.84, 0.88),
    "Instance Identity": (0.82, 0.84, 0.78, 0.86),
    "Instance Attributes": (0.78, 0.80, 0.78, 0.84),
    "Instance Location": (0.70, 0.76, 0.74, 0.78),
    "Instances Counting": (0.34, 0.56, 0.60, 0.72),
    "Spatial Relation": (0.38, 0.60, 0.62, 0.74),
    "Instance Interaction": (0.66, 0.70, 0.70, 0.74),
    "Visual Reasoning": (0.60, 0.64, 0.60, 0.68),
    "Text Understanding": (0.30, 0.44, 0.40, 0.62),
}
"""Question type → the share that rounds 0 to 3 get right, about; round 2 is not better than round 1."""


REFUSED: tuple[tuple[str, str], ...] = (
    ("malformed", "line 3 begins with neither a letter nor an answer"),
    ("no-single-right-option", "options A and C are the same"),
    ("leak", "the picture looks like one of the report split"),
    ("near-duplicate", "96 % like another sample about this picture"),
    ("contradicted", "asked again, the teacher answered 'four'"),
)


def synthetic_image(where: str, path: str) -> bytes | None:
    """An image (PNG, 96 pixels) of a few coloured shapes that depends on nothing but `path`; `where` is ignored."""
    draw = random.Random(path)
    image = Image.new("RGB", (96, 96), (draw.randint(150, 230), draw.randint(190, 230), draw.randint(200, 250)))
    pen = ImageDraw.Draw(image)
    pen.rectangle((0, 62, 96, 96), fill=(120, draw.randint(150, 190), 100))
    for _ in range(4):
        x, y, size = draw.randint(0, 70), draw.randint(20, 66), draw.randint(12, 30)
        colour = (draw.randint(0, 255), draw.randint(0, 255), draw.randint(0, 255))
        shape = draw.choice((pen.ellipse, pen.rectangle))
        shape((x, y, x + size, y + size), fill=colour)
    data = BytesIO()
    image.save(data, "PNG")
    return data.getvalue()


def synthetic_run_file(run: str) -> RunFile:
    """The configuration that the run pretends to have had."""
    return RunFile.model_validate(
        {
            "run": run,
            "seed": 7,
            "rounds": LAST_ROUND,
            "student": {"family": "tiny-llava", "base": "base"},
            "benchmark": {"name": "seed-bench", "diagnose": {"data": "diagnose"}, "report": {"data": "report"}},
            "pictures": {"source": "visual-genome", "data": "pool"},
            "teacher": {"error_rate": 0.1},
            "generation": {"budget": BUDGET, "per_part": BUDGET // 2},
        }
    )


def predictions(number: int, split: Split, questions: int, checkpoint: str) -> list[Prediction]:
    """What the checkpoint of round `number` said to `questions` questions per type; one in the split is unanswered."""
    return [
        _prediction(number, split, name, index, checkpoint, unanswered=name == "Text Understanding" and index == 1)
        for name in TYPES
        for index in range(questions)
    ]


def _prediction(number: int, split: Split, name: str, index: int, checkpoint: str, *, unanswered: bool) -> Prediction:
    text, choices = TYPES[name]
    image = f"{split}/{(index * 7 + len(name)) % 40:03d}.png"
    difficulty = random.Random(f"{split} {name} {index}").random()
    luck = random.Random(f"{split} {name} {index} {number}").uniform(-0.08, 0.08)
    right = difficulty + luck < ACCURACY[name][number]
    said = choices[0] if right else choices[1 + index % 3]
    return Prediction(
        question_id=f"{split}-{name}-{index}",
        split=split,
        image=image,
        image_digest=digest_of(image.encode()),
        question=text,
        question_type=name,
        choices=choices,
        gold=choices[0],
        raw="" if unanswered else said,
        read_as="" if unanswered else said,
        score=None if unanswered else float(right),
        answered_by="" if unanswered else checkpoint,
        reason="the picture cannot be read" if unanswered else "",
    )


def scores_of(given: Sequence[Prediction]) -> SplitScores:
    """Wilson scores, overall and per type."""
    return SplitScores(
        overall=_score(given),
        by_type={name: _score([p for p in given if p.question_type == name]) for name in TYPES},
    )


def _score(given: Sequence[Prediction]) -> Score:
    answered = [p.score for p in given if p.score is not None]
    interval = wilson_interval(sum(answered), len(answered))
    return Score(
        n=len(answered),
        accuracy=sum(answered) / len(answered),
        interval=(interval.low, interval.high),
        unanswered=len(given) - len(answered),
        chance=CHANCE,
    )


def samples(
    run: str,
    number: int,
    part: int,
    wanted: Mapping[str, int],
    shown: Mapping[str, tuple[str, ...]],
    teacher_writes: Callable[[str], str],
) -> list[Sample]:
    """The accepted samples of one part, `wanted` per type; `shown` are the bad cases per type."""
    return [
        _sample(
            Lineage(run, number, part, shown[name], digest_of(f"prompt {name} {number}".encode()), "annotations"),
            name,
            index,
            teacher_writes,
        )
        for name, n in wanted.items()
        for index in range(n)
    ]


def _sample(lineage: Lineage, name: str, index: int, teacher_writes: Callable[[str], str]) -> Sample:
    text, choices = TYPES[name]
    turn = index % len(choices)
    options = choices[turn:] + choices[:turn]
    return Sample(
        sample_id=derived_id(lineage.run, lineage.round, lineage.part, name, index),
        instruction=teacher_writes(text),
        answer=f"It is {choices[0]}.",
        short_answer=choices[0],
        options=options,
        choice_answer=LETTERS[options.index(choices[0])],
        image=f"pool/{(index * 13 + len(name) + lineage.part * 5) % 90:03d}.png",
        qtype=name,
        lineage=lineage,
    )


def refusals(number: int, part: int, teacher_writes: Callable[[str], str]) -> list[Refusal]:
    """The refused samples of one part: one or more per filter."""
    return [
        Refusal(
            filter_name,
            reason,
            list(TYPES)[(index + turn) % len(TYPES)],
            f"pool/{(index * 17 + turn + part) % 90:03d}.png",
            teacher_writes(f"Question: {list(TYPES.values())[(index + turn) % len(TYPES)][0]}\nA. a\nB. b\nAnswer: B"),
        )
        for index, (filter_name, reason) in enumerate(REFUSED)
        for turn in range(1 + (index * number + part) % 3)
    ]
