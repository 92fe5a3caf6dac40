"""A template over many images is found, whatever stands in its places, and thinned."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from dataengine.core.samples import Lineage, Sample
from dataengine.generation.duplicates import alike
from dataengine.generation.templates import ALWAYS_KEPT, TemplateIndex, thinned
from tests.unit.generation.harness import Harness, Pool, draft, is_verification

WORDS = ("what", "color", "is", "the", "red", "ball", "near", "a", "box")
TEXTS = st.lists(st.lists(st.sampled_from(WORDS), max_size=14).map(" ".join), max_size=25)


@settings(max_examples=300, deadline=None)
@given(TEXTS, st.sampled_from([0.5, 0.7, 0.9, 1.0]))
def test_the_template_is_the_first_one_that_is_more_alike_than_the_limit(texts: list[str], limit: float) -> None:
    index, first = TemplateIndex(texts, limit), list[str]()
    for text in texts:
        expected = next((other for other in first if other == text or alike(other, text) > limit), text)
        assert index.template_of(text) == expected
        if expected == text and text not in first:
            first.append(text)


def sample(number: int, question: str) -> Sample:
    lineage = Lineage("r", 1, 0, (), "", "t")
    return Sample(str(number), question, "Red.", "red", (), "", f"{number}.jpg", "a", lineage)


def test_a_template_over_ten_thousand_images_is_thinned_to_its_share() -> None:
    asked = [
        f"In this fine picture what color is thing {n} that stands beside the old wooden door?" for n in range(10_000)
    ]
    others = [f"{n} a {n * 7} b {n * 13} c" for n in range(500)]
    samples = [sample(n, question) for n, question in enumerate([*asked, *others])]
    kept, refused = thinned(samples, 0.9, 0.05, len(samples))
    assert len(refused) == 10_000 - 525
    assert {refusal.filter_name for refusal in refused} == {"template"}
    assert kept == samples[:525] + samples[10_000:]


def test_in_a_small_round_a_question_may_be_asked_of_a_hundred_images() -> None:
    samples = [sample(n, "What color is the ball?") for n in range(ALWAYS_KEPT + 1)]
    kept, refused = thinned(samples, 0.9, 0.05, 20)
    assert (len(kept), len(refused)) == (ALWAYS_KEPT, 1)


async def test_a_round_refuses_what_is_beyond_a_templates_share() -> None:
    shop = Harness(lambda request: "A" if is_verification(request) else draft(), budget=130, per_part=65)
    shop.pool = Pool(400)
    shop.restart()
    dataset = await shop.round()
    assert dataset.refused == {"template": 30}
    assert sum(dataset.accepted.values()) == ALWAYS_KEPT
