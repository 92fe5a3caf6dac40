"""Small benchmarks in the official layouts, written afresh for the tests."""

import base64
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image

Answers = dict[str, str]


def png(color: int = 40) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 6), (color, 90, 200)).save(buffer, "JPEG")
    return buffer.getvalue()


def put(path: Path, content: bytes | str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def seed_bench(folder: Path) -> Answers:
    """Four questions about two images, two types, one video question; right answers A B C D."""
    rows = [
        {
            "answer": letter,
            "choice_a": "one",
            "choice_b": "two",
            "choice_c": "three",
            "choice_d": "four",
            "data_id": f"pic_{i // 2}",
            "data_type": "image",
            "question": f"How many, {i}?",
            "question_id": str(100 + i),
            "question_type_id": 1 + 4 * (i % 2),
        }
        for i, letter in enumerate("ABCD")
    ]
    video = {**rows[0], "question_id": "v7", "data_type": "video", "question_type_id": 10}
    names = {"Scene Understanding": 1, "Instances Counting": 5, "Action Recognition": 10}
    put(folder / "SEED-Bench.json", json.dumps({"questions": [*rows, video], "question_type": names}))
    for i in range(2):
        put(folder / "SEED-Bench-image" / f"pic_{i}", png(i))
    return {str(row["question_id"]): str(row["answer"]) for row in rows}


def mmbench(folder: Path, name: str = "mmbench_dev_20230712.tsv") -> Answers:
    """Two questions, one of two and one of four options, in all rotations; an option with a quoted line break."""
    lines = ["index\tquestion\thint\tA\tB\tC\tD\tanswer\tcategory\timage\tsource\tl2-category\tcomment\tsplit"]
    answers: Answers = {}
    for index, options, right, category in (
        (3, ["yes", "no"], 0, "ocr"),
        (8, ["a cat", "a\ndog", "a bus", "rain"], 3, "scene"),
    ):
        image = base64.b64encode(png(20 * index)).decode()
        for turn in range(len(options)):
            rotated = [options[(i - turn) % len(options)] for i in range(len(options))]
            letter = "ABCD"[(right + turn) % len(options)]
            row = index + turn * 1_000_000
            answers[str(row)] = letter
            quoted = [f'"{text}"' if "\n" in text else text for text in rotated] + [""] * (4 - len(options))
            cells = [
                str(row),
                f"What is {index}?",
                "Look closely." if index == 8 else "",
                *quoted,
                letter,
                category,
                image,
            ]
            lines.append("\t".join([*cells, "made", f"{category}-group", "", "dev"]))
    put(folder / name, "\n".join(lines) + "\n")
    return answers


def mme(folder: Path, tasks: Sequence[str] = ("existence", "OCR", "code_reasoning")) -> dict[str, list[str]]:
    """Two images per task; the second task lies in subfolders. Official lines without the prediction, by task."""
    lines: dict[str, list[str]] = {}
    for task in tasks:
        images, texts = (
            (folder / task / "images", folder / task / "questions_answers_YN")
            if task == "OCR"
            else (folder / task,) * 2
        )
        lines[task] = []
        for number in (1, 2):
            rows = [
                (f"Is there a {thing} in {number}? Please answer yes or no.", answer)
                for thing, answer in (("dog", "Yes"), ("cat", "No"))
            ]
            put(images / f"000{number}.png", png(number))
            put(texts / f"000{number}.txt", "".join(f"{question}\t{answer}\n" for question, answer in rows))
            lines[task] += [f"000{number}.png\t{question}\t{answer}" for question, answer in rows]
    return lines


def gqa(folder: Path) -> Answers:
    rows = {"201": ("yes", "verify"), "202": ("red", "query"), "203": ("left", "query")}
    content = {
        name: {
            "question": f"Question {name}?",
            "imageId": "n1" if name == "201" else "2",
            "answer": answer,
            "isBalanced": True,
            "types": {"detailed": "d", "semantic": "attr", "structural": structural},
        }
        for name, (answer, structural) in rows.items()
    }
    put(folder / "testdev_balanced_questions.json", json.dumps(content))
    put(folder / "images" / "n1.jpg", png())
    put(folder / "images" / "2.jpg", png())
    return {name: answer for name, (answer, _) in rows.items()}


def human_answers(*texts: str) -> list[dict[str, Any]]:
    return [{"answer": text, "answer_confidence": "yes", "answer_id": i} for i, text in enumerate(texts, 1)]


def vqa(folder: Path, prefix: str = "v2_", split: str = "val2014", kind: str = "what") -> Answers:
    """Three questions about two images; the best answers score 1, 1 and 0.9."""
    golds = {"501": ["yes"] * 10, "502": ["2"] * 4 + ["two"] * 3 + ["3"] * 3, "601": ["red"] * 3 + list("abcdefg")}
    questions = [{"image_id": int(n) // 100, "question": f"Question {n}?", "question_id": int(n)} for n in golds]
    annotations = [
        {
            "question_type": kind,
            "multiple_choice_answer": texts[0],
            "answers": human_answers(*texts),
            "image_id": int(n) // 100,
            "answer_type": "yes/no" if n == "501" else "other",
            "question_id": int(n),
        }
        for n, texts in golds.items()
    ]
    put(folder / f"{prefix}OpenEnded_mscoco_{split}_questions.json", json.dumps({"questions": questions}))
    if "test" not in split:
        put(folder / f"{prefix}mscoco_{split}_annotations.json", json.dumps({"annotations": annotations}))
    put(folder / split / f"COCO_{split}_000000000005.jpg", png())
    put(folder / split / f"COCO_{split}_000000000006.jpg", png())
    return {n: texts[0] for n, texts in golds.items()}


def scienceqa(folder: Path) -> Answers:
    problems = {
        "11": {"question": "Which?", "choices": ["a", "b"], "answer": 1, "hint": "", "image": "image.png",
               "subject": "natural science", "topic": "physics", "skill": "magnets", "grade": "grade3"},
        "12": {"question": "What?", "choices": ["x", "y", "z"], "answer": 2, "hint": "Some text.", "image": None,
               "subject": "language science", "topic": "verbs", "skill": "tense", "grade": "grade8"},
        "13": {"question": "Not asked", "choices": ["x"], "answer": 0, "hint": "", "image": None},
    }  # fmt: skip
    put(folder / "problems.json", json.dumps(problems))
    put(folder / "pid_splits.json", json.dumps({"train": ["13"], "test": ["11", "12"]}))
    put(folder / "images" / "test" / "11" / "image.png", png())
    return {"11": "B", "12": "C"}


def vizwiz(folder: Path, name: str = "val.json") -> Answers:
    rows = [
        {"image": f"VizWiz_val_{i}.jpg", "question": "What is this?", "answer_type": "other", "answerable": 1,
         "answers": [{"answer": text, "answer_confidence": "yes"} for text in ["Chair"] * 4 + ["table"] * 6]}
        for i in range(2)
    ]  # fmt: skip
    if "test" in name:
        rows = [{"image": row["image"], "question": row["question"]} for row in rows]
    put(folder / name, json.dumps(rows))
    for row in rows:
        put(folder / "val" / str(row["image"]), png())
    return {str(row["image"]): "chair" for row in rows}


def vsr(folder: Path) -> Answers:
    rows = [
        {"image": f"00{i}.jpg", "image_link": "", "caption": "The dog is on the cup.", "label": i % 2, "relation": "on",
         "annotator_id": 1, "vote_true_validator_id": "[]", "vote_false_validator_id": "[]"}
        for i in range(2)
    ]  # fmt: skip
    put(folder / "test.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    for row in rows:
        put(folder / "images" / str(row["image"]), png())
    return {"0": "false", "1": "true"}


def aokvqa(folder: Path) -> Answers:
    rows = [
        {"split": "val", "image_id": 7, "question_id": f"q{i}", "question": "What?",
         "choices": ["cup", "dog", "ski", "tea"],
         "correct_choice_idx": 1, "direct_answers": ["dog"] * 2 + ["puppy"] * 8, "difficult_direct_answer": i == 1,
         "rationales": ["It barks."]}
        for i in range(2)
    ]  # fmt: skip
    put(folder / "aokvqa_v1p0_val.json", json.dumps(rows))
    put(folder / "val2017" / "000000000007.jpg", png())
    return {"q0": "dog", "q1": "dog"}


def easy_vqa(folder: Path) -> Answers:
    rows = [
        ["what color is the shape?", "red", 0],
        ["is there a circle?", "no", 0],
        ["what shape is present?", "circle", 7],
    ]
    put(folder / "test" / "questions.json", json.dumps(rows))
    for number in (0, 7):
        put(folder / "test" / "images" / f"{number}.png", png())
    return {"0": "red", "1": "no", "2": "circle"}
