"""The English that the embedded teacher knows: a few hundred words, and what goes with what."""

from __future__ import annotations

COLORS = (
    "red",
    "yellow",
    "green",
    "blue",
    "purple",
    "white",
    "black",
    "brown",
    "gray",
    "grey",
    "orange",
    "pink",
    "teal",
    "silver",
    "gold",
    "beige",
    "tan",
)
SHAPES = ("circle", "rectangle", "triangle", "square", "star", "heart", "oval", "diamond")
NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
ROWS = ("top", "middle", "bottom")
COLUMNS = ("left", "middle", "right")
CELLS = tuple("center" if row == column == "middle" else f"{row} {column}" for row in ROWS for column in COLUMNS)
"""The nine parts of an image, row by row: the index is 3 * row + column."""
RELATIONS = ("left", "right", "above", "below")
WEATHERS = ("sunny", "rainy", "snowy", "dark", "cloudy", "foggy", "windy", "stormy")
PLACES = (
    "beach",
    "park",
    "street",
    "desert",
    "mountains",
    "farm",
    "forest",
    "kitchen",
    "bedroom",
    "bathroom",
    "office",
    "restaurant",
    "garden",
    "city",
    "field",
    "zoo",
    "airport",
    "station",
    "lake",
    "river",
)
PERSONS = ("boy", "girl", "man", "woman", "child", "baby", "lady", "guy", "player", "skier", "surfer", "person")
SIGNS = ("sign", "board", "label", "banner", "poster", "billboard")
SIGN_WORDS = ("STOP", "EXIT", "OPEN", "CAFE", "TAXI", "HOTEL", "BUS", "SALE", "ZOO", "MILK", "BANK", "POLICE")
NOUNS = (
    "dog",
    "cat",
    "car",
    "tree",
    "house",
    "boat",
    "ball",
    "bird",
    "flower",
    "cup",
    "chair",
    "bike",
    "table",
    "horse",
    "bus",
    "train",
    "clock",
    "bench",
    "umbrella",
    "bag",
)
USUAL_ACTIVITIES = (
    "reading a book",
    "riding a bike",
    "flying a kite",
    "playing a guitar",
    "holding an umbrella",
    "throwing a ball",
    "walking a dog",
    "eating a sandwich",
    "talking on a phone",
    "taking a picture",
)
"""What people are often seen doing: wrong options where the examples give none."""
WEATHER_NEEDS = {
    "sunny": "a sun hat",
    "rainy": "an umbrella",
    "snowy": "warm gloves",
    "dark": "a flashlight",
    "windy": "a windbreaker",
    "foggy": "a bright vest",
}
"""What a person needs in some weather."""
PLACE_FINDS = {
    "beach": "a seashell",
    "park": "a squirrel",
    "street": "a bus",
    "desert": "a camel",
    "mountains": "an eagle",
    "farm": "a cow",
    "forest": "a deer",
    "kitchen": "a frying pan",
    "bedroom": "a pillow",
    "bathroom": "a towel",
    "office": "a printer",
    "zoo": "a giraffe",
}
"""What a person can expect to find in some place."""

GENERIC = ("thing", "object", "one", "item")
"""Nouns that stand for any thing."""

_PLURALS = {
    "man": "men",
    "woman": "women",
    "child": "children",
    "person": "people",
    "mouse": "mice",
    "foot": "feet",
    "tooth": "teeth",
    "leaf": "leaves",
    "knife": "knives",
    "shelf": "shelves",
    "sheep": "sheep",
}
_SINGULARS = {plural: single for single, plural in _PLURALS.items()}
_NO_ARTICLE = ("mountains", "jeans", "pants", "glasses", "shorts", "grass")
_ALWAYS_SO = (*_NO_ARTICLE, "bus", "glass", "gas", "dress", "weights")


def plural(noun: str) -> str:
    """The plural of a noun phrase; its last word changes."""
    head, _, last = noun.rpartition(" ")
    if last in _PLURALS:
        many = _PLURALS[last]
    elif last.endswith(("s", "x", "ch", "sh", "z")):
        many = f"{last}es"
    elif last.endswith("y") and last[-2:-1] not in "aeiou":
        many = f"{last[:-1]}ies"
    else:
        many = f"{last}s"
    return f"{head} {many}".strip()


def singular(noun: str) -> str:
    """The singular of a noun phrase; what is no plural stays as it is."""
    head, _, last = noun.rpartition(" ")
    if last in _SINGULARS:
        last = _SINGULARS[last]
    elif last in _ALWAYS_SO or not last.endswith("s") or last.endswith(("ss", "us")):
        pass
    elif last.endswith("ies") and len(last) > 4:
        last = f"{last[:-3]}y"
    elif last.endswith(("xes", "ches", "shes", "zes", "sses", "uses")) and not last.endswith("houses"):
        last = last[:-2]
    else:
        last = last[:-1]
    return f"{head} {last}".strip()


def is_plural(noun: str) -> bool:
    """True for `dogs` and `men`, not for `bus`."""
    return singular(noun) != noun


def with_article(noun: str) -> str:
    """`a dog`, `an eagle`; plurals and `mountains` stay as they are."""
    if is_plural(noun) or noun.split()[-1] in _NO_ARTICLE:
        return noun
    return f"{'an' if noun[:1] in 'aeiou' else 'a'} {noun}"


def without_article(text: str) -> str:
    """`dog` for `a dog`, `the dog`, `an dog`."""
    head, _, rest = text.partition(" ")
    return rest if head.lower() in ("a", "an", "the") and rest else text


def sort_of(noun: str) -> str:
    """`person`, `sign`, `shape` or `object`: nouns of one sort can stand for each other in a question."""
    last = singular(noun).rpartition(" ")[2]
    if last in PERSONS:
        return "person"
    if last in SIGNS:
        return "sign"
    return "shape" if last in SHAPES or last == "shape" else "object"
