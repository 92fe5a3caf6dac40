"""Benchmark files of the official sizes, made from a seed: what they hold is nonsense, their shape and size are not."""

from __future__ import annotations

import base64
import io
import json
import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

SEED_QUESTIONS = 14_233
MMBENCH_ROWS = 4_377
VQA_QUESTIONS = 214_354
VQA_IMAGES = 40_504
GQA_QUESTIONS = 12_578

_MARKS = ("", "", "", "", "", ".", "!", ",", "'s", " ft.", "-", "/")


def make_seed_bench(folder: Path) -> Path:
    """SEED-Bench.json with 14,233 image questions of nine types, and a prediction for each."""
    generator = random.Random(1)
    names = {f"type {i}": i for i in range(1, 10)}
    questions = [
        {
            "answer": generator.choice("ABCD"),
            **{f"choice_{letter}": f"choice {generator.randrange(500)}" for letter in "abcd"},
            "data_id": f"{generator.randrange(10_000)}",
            "data_type": "image",
            "question": f"What about thing {generator.randrange(5000)} here?",
            "question_id": str(i),
            "question_type_id": generator.randrange(1, 10),
        }
        for i in range(SEED_QUESTIONS)
    ]
    (folder / "SEED-Bench.json").write_text(json.dumps({"questions": questions, "question_type": names}))
    said = [(q["question_id"], q["answer"] if generator.random() < 0.6 else "A. x") for q in questions]
    return _predictions(folder, said)


def make_gqa(folder: Path) -> Path:
    """testdev_balanced_questions.json with 12,578 questions."""
    generator = random.Random(2)
    questions = {
        str(i): {
            "question": f"Is thing {i} red?",
            "imageId": f"n{generator.randrange(398)}",
            "answer": generator.choice(("yes", "no", "red", "left", "table")),
            "types": {"structural": generator.choice(("verify", "query")), "semantic": "attr", "detailed": "x"},
            "semantic": [{"operation": "select", "dependencies": [], "argument": "thing"}] * 3,
        }
        for i in range(GQA_QUESTIONS)
    }
    (folder / "testdev_balanced_questions.json").write_text(json.dumps(questions))
    return _predictions(folder, [(k, str(q["answer"]).capitalize() + ".") for k, q in questions.items()])


def make_mmbench(folder: Path) -> Path:
    """mmbench_dev_20230712.tsv with 4,377 rows, a JPEG of about 40 kB in each."""
    generator = random.Random(3)
    images = [_image(i) for i in range(16)]
    said = []
    with (folder / "mmbench_dev_20230712.tsv").open("w") as file:
        file.write("index\tquestion\thint\tA\tB\tC\tD\tanswer\tcategory\timage\tsource\tl2-category\tcomment\tsplit\n")
        for i in range(MMBENCH_ROWS):
            index = i // 4 + i % 4 * 1_000_000
            answer = "ABCD"[(i // 4 + i % 4) % 4]
            cells = [f"{index}", f'"Which, ""{i}""?"', "", "a cat", "a dog", "two horses", "a bus", answer]
            tail = [f"category {i % 20}", images[i % 16], "made", f"l2 {i % 6}", "", "dev"]
            file.write("\t".join([*cells, *tail]) + "\n")
            said.append((str(index), answer if generator.random() < 0.9 else "I think it is a dog."))
    return _predictions(folder, said)


def make_vqa(folder: Path) -> Path:
    """VQAv2 validation: 214,354 questions with 2,143,540 answers about 40,504 images."""
    generator = random.Random(4)
    words = [f"{generator.choice(('red', 'the dog', 'a man', 'two', 'left'))} {i}" for i in range(20_000)]
    vocabulary = ["yes", "no", *map(str, range(20)), "one", "none", "red and white", "t-shirt", *words]
    frequencies = [1.0 / (rank + 1) for rank in range(len(vocabulary))]
    mains = generator.choices(vocabulary, frequencies, k=VQA_QUESTIONS)
    others = iter(generator.choices(vocabulary, frequencies, k=10 * VQA_QUESTIONS))
    questions, annotations, said = [], [], []
    for i, main in enumerate(mains):
        agreeing = generator.choice((10, 10, 9, 8, 6, 4, 3))
        golds = [main] * agreeing + [next(others) + generator.choice(_MARKS) for _ in range(10 - agreeing)]
        question_id, image_id = 1000 * (i % VQA_IMAGES) + i // VQA_IMAGES, i % VQA_IMAGES
        questions.append({"image_id": image_id, "question": f"What is thing {i}?", "question_id": question_id})
        annotations.append(_annotation(question_id, image_id, golds, generator.randrange(65)))
        said.append((question_id, generator.choice(golds) + generator.choice(_MARKS)))
    (folder / "v2_OpenEnded_mscoco_val2014_questions.json").write_text(json.dumps({"questions": questions}))
    (folder / "v2_mscoco_val2014_annotations.json").write_text(json.dumps({"annotations": annotations}))
    return _predictions(folder, said)


def _annotation(question_id: int, image_id: int, golds: Sequence[str], kind: int) -> dict[str, object]:
    return {
        "question_type": f"what kind {kind}",
        "multiple_choice_answer": golds[0],
        "answers": [{"answer": a, "answer_confidence": "yes", "answer_id": j} for j, a in enumerate(golds, 1)],
        "image_id": image_id,
        "answer_type": ("yes/no", "number", "other")[kind % 3],
        "question_id": question_id,
    }


def _predictions(folder: Path, said: Sequence[tuple[object, object]]) -> Path:
    path = folder / "predictions.jsonl"
    with path.open("w") as file:
        for question_id, text in said:
            file.write(json.dumps({"question_id": question_id, "prediction": text}) + "\n")
    return path


def _image(seed: int) -> str:
    """A JPEG of about 40 kB as base64."""
    pixels = np.random.default_rng(seed).integers(0, 256, size=(260, 260, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=50)
    return base64.b64encode(buffer.getvalue()).decode()
