"""Asking the student every question of a split, in chunks that survive a kill."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass

from dataengine.core.artifacts import ArtifactRef, RunKeys
from dataengine.core.errors import DataEngineError, InputError
from dataengine.core.identity import digest_of
from dataengine.core.ports import AskStudent, Progress, Store, Student
from dataengine.core.questions import Answer, AnswerMode, NoAnswer, Question
from dataengine.evaluation.benchmarks.benchmark import Benchmark
from dataengine.evaluation.scorer import Scorer
from dataengine.evaluation.splits import QuestionSet
from dataengine.wire.documents import Prediction, decode_lines, encode_lines

NOT_PUBLIC = "the right answer is not public"
CHUNK = 256
"""Questions of a stored piece. Its number names the piece, so that old runs are resumed only while this stays."""
AHEAD = 8
"""Chunks under way at once, so that the slowest answer of one keeps no slot empty: at 128 questions in flight the
others last some three seconds beyond it. Their images, about 2,000, are in memory."""


@dataclass(frozen=True, slots=True)
class InferenceRun:
    """One checkpoint, one run, one round: everything that asking a question needs beside the question."""

    store: Store
    student: Student
    benchmark: Benchmark
    progress: Progress
    keys: RunKeys
    round: int
    checkpoint: ArtifactRef
    family: str
    mode: AnswerMode
    scorer: Scorer | None

    async def ask(self, question_set: QuestionSet, split: str) -> list[Prediction]:
        """Predictions in the order of the questions. What an interrupted evaluation had asked is not asked again."""
        return [prediction async for chunk in self.chunks(question_set, split) for prediction in chunk]

    async def chunks(self, question_set: QuestionSet, split: str) -> AsyncGenerator[list[Prediction], None]:
        """The same in pieces, in order, for those who need not hold all of them. Without a scorer no prediction has a
        score.

        `AHEAD` chunks are under way at once; each is stored when it is answered, and then the next is begun, whatever
        the others do. After an error none is begun, and what is under way is still answered and stored before it is
        raised; a cancelled run leaves at once.
        """
        stage, total = f"evaluate {split}", len(question_set.questions)
        self.progress.report(self.keys.run, self.round, stage, 0, total)
        room, failed, done = asyncio.Semaphore(AHEAD), False, 0

        async def answered(start: int) -> list[Prediction]:
            nonlocal failed, done
            async with room:
                if failed:
                    return []  # the error of another one is raised
                chunk = QuestionSet(question_set.questions[start : start + CHUNK], question_set.read_image)
                try:
                    predictions = await self._chunk(chunk, split, start // CHUNK)
                except DataEngineError:
                    failed = True
                    raise
            done += len(predictions)
            self.progress.report(self.keys.run, self.round, stage, done, total)
            return predictions

        tasks = [asyncio.create_task(answered(start)) for start in range(0, total, CHUNK)]
        try:
            for task in tasks:
                await asyncio.wait([task])
                if failed:
                    await asyncio.wait(tasks)
                    raise next(error for task in tasks if (error := task.exception()) is not None)
                yield task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _chunk(self, question_set: QuestionSet, split: str, number: int) -> list[Prediction]:
        key = self.keys.round(self.round, f"answers/{split}-{number:05d}.jsonl")
        done = await asyncio.to_thread(self.store.find, key)
        if done is None:
            asks, refused = await asyncio.to_thread(self._asks, question_set)  # reads ahead of those being answered
            answers = await self.student.answer([ask for ask, _ in asks], self.checkpoint) if asks else []
            given = {answer.question_id: answer for answer in [*answers, *refused]}
            digests = {ask.question_id: digest for ask, digest in asks}
            predictions = [
                self._prediction(question, split, given[question.question_id], digests.get(question.question_id, ""))
                for question in question_set.questions
            ]
            done = await asyncio.to_thread(self.store.claim, key, encode_lines(predictions))
        return decode_lines(Prediction, await asyncio.to_thread(self.store.get, done), done.uri)

    def _asks(self, question_set: QuestionSet) -> tuple[list[tuple[AskStudent, str]], list[NoAnswer]]:
        """What can be asked, each with its image's digest, and what cannot because its image is broken."""
        asks: list[tuple[AskStudent, str]] = []
        refused: list[NoAnswer] = []
        for question in question_set.questions:
            try:
                image = question_set.read_image(question.image) if question.image else b""
            except InputError as error:
                refused.append(NoAnswer(question.question_id, str(error)))
                continue
            prompt = self.benchmark.prompt(question, self.family, self.mode)
            ask = AskStudent(question.question_id, image, prompt, self.mode, question.choices)
            asks.append((ask, digest_of(image) if image else ""))
        return asks, refused

    def _prediction(self, question: Question, split: str, answer: Answer | NoAnswer, image_digest: str) -> Prediction:
        common = {
            "question_id": question.question_id,
            "split": split,
            "picture": question.image,
            "picture_digest": image_digest,
            "question": question.text,
            "question_type": question.question_type,
            "choices": question.choices,
            "gold": question.answer_text,
        }
        if isinstance(answer, NoAnswer):
            return Prediction.model_validate(
                {**common, "raw": "", "read_as": "", "score": None, "reason": answer.reason}
            )
        read_as, score = ("", None) if self.scorer is None else self.scorer(question, answer)
        said = {"raw": answer.text, "read_as": read_as, "score": score, "losses": answer.choice_losses}
        if self.scorer is None:
            said["reason"] = NOT_PUBLIC
        return Prediction.model_validate({**common, **said, "answered_by": answer.checkpoint})
