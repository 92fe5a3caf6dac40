"""A SEED-Bench folder with a handful of questions."""

import json
from pathlib import Path

from dataengine.testing.images import noisy_image

NAMES = {"Scene Understanding": 1, "Instance Identity": 2}


def write_split(folder: Path, first_image: int, images: int = 6) -> Path:
    """One question of each type per image; the right answer is "yes" for the first type and "no" for the second."""
    place = folder / "SEED-Bench-image"
    place.mkdir(parents=True)
    questions = []
    for number in range(first_image, first_image + images):
        (place / f"{number}").write_bytes(noisy_image(number))
        for type_id, letter in ((1, "A"), (2, "B")):
            questions.append(
                {
                    "answer": letter,
                    **{f"choice_{c}": text for c, text in zip("abcd", ("yes", "no", "maybe", "never"), strict=True)},
                    "data_id": str(number),
                    "data_type": "image",
                    "question": f"Is it so in picture {number}?",
                    "question_id": f"{number}-{type_id}",
                    "question_type_id": type_id,
                }
            )
    (folder / "SEED-Bench.json").write_text(json.dumps({"questions": questions, "question_type": NAMES}))
    return folder
