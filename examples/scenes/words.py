"""The words that the embedded student's tokenizer keeps whole."""

from __future__ import annotations

import re
from collections.abc import Iterator

from dataengine.demo.questions import FINDS, NEEDS, NUMBERS, RELATIONS
from dataengine.demo.scene import ACTIVITIES, CELLS, COLORS, KINDS, PERSONS, PLACES, SIGN_WORDS, WEATHERS

COMMON = """
a about above after all an and answer any are as assistant at background based be been before behind below beside
best between big black blue both bottom brown but by can center choices circle color colors colour compare compared
contain contains corner correct could describe different directly do does doing down each else false find five
following four from front given gray green has have here how i image in inside into is it kind large left letter
like look many me middle more most name near need next no none not nothing number object objects of on one only
option or orange other out outside over person photo phrase picture pink place please present question rectangle red
right same say says seen shape shapes show shown shows side sign single six small some teal tell ten than that the
their them there these they thing things this three to top triangle true two type under up use user using was what
when where which white who whose why will with word would yellow yes you zero
"""


def words() -> Iterator[str]:
    """Every whole word, lower case, possibly repeated."""
    lists = (PLACES, WEATHERS, PERSONS, ACTIVITIES, SIGN_WORDS, KINDS, COLORS, CELLS, NUMBERS, RELATIONS)
    texts = [COMMON, *(t for values in lists for t in values), *NEEDS.values(), *FINDS.values()]
    texts += [f"{kind}s" for kind in KINDS]
    for text in texts:
        yield from re.findall(r"[a-z]+", text.lower())
