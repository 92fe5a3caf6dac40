"""Every case of `scorer_cases.jsonl`: an input and what the benchmark's own tool makes of it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dataengine.evaluation.scoring.gqa import score_gqa
from dataengine.evaluation.scoring.mme import read_label
from dataengine.evaluation.scoring.scienceqa import choice_index, read_answer
from dataengine.evaluation.scoring.seed import score_letter_llava, score_letter_minigpt4
from dataengine.evaluation.scoring.vizwiz import score_vizwiz
from dataengine.evaluation.scoring.vqa import Golds, VqaScorer, VqaVariant
from dataengine.evaluation.scoring.vqa_text import normalise_m4c, normalise_vqaeval

CASES = [json.loads(line) for line in Path(__file__).with_name("scorer_cases.jsonl").read_text("utf-8").splitlines()]

VQA_TOOLS: dict[str, VqaVariant] = {"official": "vqaeval", "minigpt4": "minigpt4", "lavis": "lavis", "m4c": "m4c"}


def vqa_accuracy(case: Any) -> dict[str, float]:
    gold = case["input"]["gold"]
    if isinstance(gold[0], str):
        golds = Golds(tuple(gold))
    else:
        golds = Golds(tuple(item["answer"] for item in gold), tuple(item["answer_confidence"] for item in gold))
    return {
        tool: round(100 * VqaScorer(VQA_TOOLS[tool]).score(golds, case["input"]["prediction"]).score, 2)
        for tool in case["expected"]
    }


def seed(case: Any) -> dict[str, float]:
    gold, said = case["input"]["answer"], case["input"]["prediction"]
    return {
        "llava": score_letter_llava(gold, said).score,
        "dataengine_minigpt4": score_letter_minigpt4(gold, said).score,
    }


def sqa(case: Any) -> dict[str, object]:
    letter = read_answer(case["input"]["text"])
    return {
        "answer": letter,
        "idx": choice_index(letter, case["input"]["n_choices"]),
        "gpt3_answer": read_answer(case["input"]["text"], "official"),
    }


def gqa(case: Any) -> dict[str, object]:
    gold, said = case["input"]["gold"], case["input"]["prediction"]
    return {
        "official": score_gqa(gold, said).score,
        "llava": score_gqa(gold, said, "llava").score,
        "llava_text": score_gqa(gold, said, "llava").extracted,
        "minigpt4": score_gqa(gold, said, "minigpt4").score,
    }


FAMILIES: dict[str, Callable[[Any], object]] = {
    "vqa_norm": lambda case: normalise_vqaeval(case["input"]),
    "m4c_norm": lambda case: normalise_m4c(case["input"]),
    "vqa_acc": vqa_accuracy,
    "mme_label": lambda case: read_label(case["input"] + "\n"),
    "mme_label_nonl": lambda case: read_label(case["input"]),
    "seed": seed,
    "sqa": sqa,
    "gqa": gqa,
    "vizwiz_simple": lambda case: score_vizwiz(case["input"]["gold"], case["input"]["prediction"]).score,
}


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_the_scorer_agrees_with_the_official_tool(case: Any) -> None:
    assert FAMILIES[case["family"]](case) == case["expected"]


def test_no_case_was_lost() -> None:
    assert len(CASES) == 386
    assert len({case["id"] for case in CASES}) == 386
