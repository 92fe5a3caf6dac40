"""How busy the evaluator keeps a served student: questions a second beside a plain asyncio loop and the bound.

    python -m perf.evaluation_flow [--questions 6000] [--tail] [--repeat 3] [--in-flight 128] [--image-kb 100]

A server of its own process speaks Triton's gRPC protocol on this machine and answers each question after 0.2 s, or
with `--tail` after a time of a log-normal distribution (median 0.2 s, 99th percentile 1.5 s). Ours is an inference run
as the evaluator makes it: images read from files, prompts of SEED-Bench, `TritonStudent`, scores, chunks in a folder.
The plain loop sends the same arrays with tritonclient through a semaphore of the same width, and keeps nothing. The
bound is the sum of the times that the server took, shared by the slots. Runs are interleaved; medians are printed.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import multiprocessing
import os
import random
import statistics
import tempfile
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from time import monotonic, process_time
from typing import Any

from tritonclient.grpc import InferInput, InferRequestedOutput
from tritonclient.grpc import aio as triton
from tritonclient.utils import np_to_triton_dtype

from dataengine.backends.directory.store import DirectoryStore
from dataengine.backends.triton.connection import TritonConnection
from dataengine.backends.triton.student import TritonStudent
from dataengine.core.artifacts import ArtifactRef, RunKeys
from dataengine.core.ports import AskStudent
from dataengine.core.questions import Answer, AnswerMode, NoAnswer, Question
from dataengine.evaluation.benchmarks.registry import find_benchmark
from dataengine.evaluation.inference_run import InferenceRun
from dataengine.evaluation.scorer import scorer_of
from dataengine.evaluation.splits import QuestionSet
from dataengine.testing.silent_progress import SilentProgress
from dataengine.wire.inference import OUTPUTS, encode_ask
from tests.triton_server import TritonServer, serving

_MEDIAN, _TAIL_SIGMA = 0.2, math.log(7.5) / 2.326
_CHECKPOINT = ArtifactRef("memory:checkpoint", "0" * 64, 1)
_IMAGES = 200


def _says(ask: AskStudent, checkpoint: ArtifactRef) -> Answer | NoAnswer:
    return Answer(ask.question_id, "A", checkpoint.digest)


class _SlowServer(TritonServer):
    """Answers after the question's time."""

    seconds: Callable[[], float]

    async def ModelInfer(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
        await asyncio.sleep(self.seconds())
        return await super().ModelInfer(request, context)


def _serve(pipe: Connection, tail: bool) -> None:
    async def forever() -> None:
        server, draw = _SlowServer(_says), random.Random(0)
        server.seconds = lambda: draw.lognormvariate(math.log(_MEDIAN), _TAIL_SIGMA) if tail else _MEDIAN
        async with serving(server):
            pipe.send(server.port)
            await asyncio.to_thread(pipe.recv)

    asyncio.run(forever())


def _mean_seconds(tail: bool) -> float:
    return _MEDIAN * math.exp(_TAIL_SIGMA**2 / 2) if tail else _MEDIAN


def _questions(folder: Path, count: int, image_kb: int) -> QuestionSet:
    for i in range(_IMAGES):
        (folder / f"{i}.jpg").write_bytes(os.urandom(image_kb * 1000))
    asked = (Question(str(i), f"{i % _IMAGES}.jpg", "Is it so?", "t", ("yes", "no"), 0) for i in range(count))
    return QuestionSet(tuple(asked), lambda name: (folder / name).read_bytes())


async def _ours(questions: QuestionSet, port: int, width: int) -> None:
    student = TritonStudent(TritonConnection((f"127.0.0.1:{port}",), most_in_flight=width))
    benchmark = find_benchmark("seed-bench")
    with tempfile.TemporaryDirectory() as folder:
        predictions = await InferenceRun(
            DirectoryStore(Path(folder)), student, benchmark, SilentProgress(), RunKeys("r"), 0, _CHECKPOINT,
            "tiny-llava", AnswerMode.LETTER, scorer_of(benchmark, AnswerMode.LETTER, None),
        ).ask(questions, "report")  # fmt: skip
    await student.close()
    assert all(prediction.score == 1.0 for prediction in predictions)


async def _plain(questions: QuestionSet, port: int, width: int) -> None:
    client = triton.InferenceServerClient(f"127.0.0.1:{port}")
    slots, benchmark = asyncio.Semaphore(width), find_benchmark("seed-bench")

    async def one(question: Question) -> None:
        async with slots:
            image = await asyncio.to_thread(questions.read_image, question.image)
            prompt = benchmark.prompt(question, "tiny-llava", AnswerMode.LETTER)
            ask = AskStudent(question.question_id, image, prompt, AnswerMode.LETTER, question.choices)
            inputs = []
            for name, array in encode_ask(ask, _CHECKPOINT).items():
                inputs.append(InferInput(name, list(array.shape), np_to_triton_dtype(array.dtype)))
                inputs[-1].set_data_from_numpy(array)
            result = await client.infer("student", inputs, outputs=[InferRequestedOutput(name) for name in OUTPUTS])
            assert result.as_numpy("TEXT").item() == b"A"

    await asyncio.gather(*(one(question) for question in questions.questions))
    await client.close()


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--questions", type=int, default=6000)
    parser.add_argument("--tail", action="store_true")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--in-flight", type=int, default=128)
    parser.add_argument("--image-kb", type=int, default=100)
    given = parser.parse_args()
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    server = multiprocessing.get_context("spawn").Process(target=_serve, args=(theirs, given.tail))
    server.start()
    port = ours.recv()
    rates: dict[str, list[float]] = {"ours": [], "plain loop": []}
    cpu: dict[str, list[float]] = {"ours": [], "plain loop": []}
    with tempfile.TemporaryDirectory() as folder:
        questions = _questions(Path(folder), given.questions, given.image_kb)
        for _ in range(given.repeat):
            for name, run in (("ours", _ours), ("plain loop", _plain)):
                begun, used = monotonic(), process_time()
                asyncio.run(run(questions, port, given.in_flight))
                rates[name].append(given.questions / (monotonic() - begun))
                cpu[name].append((process_time() - used) / given.questions * 1000)
    ours.send("end")
    server.join()
    bound = given.in_flight / _mean_seconds(given.tail)
    kind = "p50 0.2 s, p99 1.5 s" if given.tail else "0.2 s each"
    print(f"{kind}, {given.in_flight} in flight, {given.questions} questions, load {os.getloadavg()[0]:.1f}")
    print(f"{'bound':12} {bound:8.0f}/s")
    for name in rates:
        rate = statistics.median(rates[name])
        print(f"{name:12} {rate:8.0f}/s  {rate / bound:6.1%}  {statistics.median(cpu[name]):.2f} ms CPU a question")


if __name__ == "__main__":
    main()
