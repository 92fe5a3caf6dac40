"""The grammar of annotation phrases, as people write them in Visual Genome."""

import pytest

from dataengine.teachers.scripted.lexicon import plural, singular, with_article
from dataengine.teachers.scripted.phrases import Phrase, read_phrase


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("a red ball", Phrase("ball", color="red")),
        ("the clock is green in colour ", Phrase("clock", color="green")),
        ("Grey car.", Phrase("car", color="gray")),
        ("clock (tall, green)", Phrase("clock", color="green")),
        ("kite (new)", Phrase("kite")),
        ("traffic light", Phrase("traffic light")),
        ("a boy flying a kite", Phrase("boy", activity="flying a kite")),
        ("man is wearing sneakers", Phrase("man", activity="wearing sneakers")),
        ("a woman painting a picture", Phrase("woman", activity="painting a picture")),
        ("a tall building", Phrase("tall building")),
        ("wall painting", Phrase("wall painting")),
        ("a sign that says STOP", Phrase("sign", says="STOP")),
        ('street sign reads "Main St"', Phrase("street sign", says="Main St")),
        ("it is rainy", Phrase(weather="rainy")),
        ("shade is along the street ", Phrase("shade")),
        ("a white dog on the grass", Phrase("dog", color="white")),
        ("two dogs", Phrase("dog", several=True)),
        ("trees behind the fence", Phrase("tree", several=True)),
        ("people", Phrase("person", several=True)),
        ("mountains", Phrase("mountains")),
        ("the sky is very clear and the sun is out", None),
        ("there is a dog", None),
        ("", None),
    ],
)
def test_a_phrase_says(text: str, phrase: Phrase | None) -> None:
    assert read_phrase(text) == phrase


@pytest.mark.parametrize(
    ("one", "many"),
    [
        ("dog", "dogs"), ("bus", "buses"), ("woman", "women"), ("cherry", "cherries"), ("boy", "boys"),
        ("traffic light", "traffic lights"), ("bench", "benches"), ("knife", "knives"), ("house", "houses"),
        ("box", "boxes"), ("horse", "horses"), ("dress", "dresses"), ("bike", "bikes"), ("nose", "noses"),
    ],
)  # fmt: skip
def test_nouns_have_a_plural_and_back(one: str, many: str) -> None:
    assert plural(one) == many
    assert singular(many) == one
    assert singular(one) == one


def test_articles_follow_the_noun() -> None:
    nouns = ["dog", "eagle", "mountains", "dogs", "bus"]
    assert [with_article(noun) for noun in nouns] == ["a dog", "an eagle", "mountains", "dogs", "a bus"]
