"""A draft on its way to becoming a sample."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, replace

from dataengine.core.identity import derived_id, derived_seed
from dataengine.core.images import Annotations
from dataengine.core.samples import LETTERS, Lineage, Sample
from dataengine.generation.parsing import Draft
from dataengine.wire.documents import PlannedQuery

_BRACKETS = re.compile(r"\[[^\[\]]*\]")


@dataclass(frozen=True, slots=True)
class Candidate:
    """The `index`-th query of a part, what is known about its image, and what the teacher wrote: `raw` whole, `draft`
    as read, with its options still in the teacher's order."""

    index: int
    query: PlannedQuery
    annotations: Annotations
    raw: str
    draft: Draft
    teacher: str

    @property
    def image(self) -> str:
        """The image's path."""
        return self.annotations.image.path

    @property
    def right_option(self) -> str:
        """The text of the option that the teacher calls right, "" where the letter names none."""
        place = LETTERS.index(self.draft.letter)
        return self.draft.options[place] if place < len(self.draft.options) else ""

    def without_brackets(self) -> Candidate:
        """The same, with what stands in square brackets taken out of its texts (gen-1 leaves coordinates there). A text
        that would be empty then stays as it is."""
        draft = self.draft
        answer, short, question = (_bare(text) for text in (draft.answer, draft.short_answer, draft.question))
        options = tuple(_bare(option) for option in draft.options)
        return replace(
            self, draft=replace(draft, question=question, answer=answer, short_answer=short, options=options)
        )

    def sample(self, run: str, round_number: int, part: int, prompt_digest: str) -> Sample:
        """The training record, with its options shuffled by the query's seed. The id depends on content and round, not
        on the run's name."""
        order = list(range(len(self.draft.options)))
        random.Random(derived_seed(self.query.seed, "options")).shuffle(order)
        options = tuple(self.draft.options[place] for place in order)
        letter = LETTERS[order.index(LETTERS.index(self.draft.letter))]
        return Sample(
            sample_id=derived_id(round_number, part, self.index, self.image, self.draft.question, *options),
            instruction=self.draft.question,
            answer=self.draft.answer,
            short_answer=self.draft.short_answer,
            options=options,
            choice_answer=letter,
            image=self.image,
            qtype=self.query.qtype,
            lineage=Lineage(run, round_number, part, self.query.bad_cases, prompt_digest, self.teacher),
        )


def _bare(text: str) -> str:
    return " ".join(_BRACKETS.sub(" ", text).split()).replace(" ,", ",").replace(" .", ".") or text
