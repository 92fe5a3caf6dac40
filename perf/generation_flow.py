"""How busy the generator keeps a teacher: requests a second beside a plain asyncio loop and the bound.

    python -m perf.generation_flow [--concurrency 32 128] [--samples 2000] [--tail] [--repeat 3] [--no-client]

An endpoint of its own process answers chat completions on this machine, each after 0.5 s, or with `--tail` after a time
of a log-normal distribution (median 0.5 s, 99th percentile 5 s). Ours is a whole round, from weakness-report to
data-ready, over bus, ledger, store and all default filters, with 14,000 held-out images and a pool of 640 x 480. The
plain loop asks the same two requests a sample with the openai client, reads them as JSON, and keeps nothing. The bound
is what a perfect buyer gets: the sum of the times that the endpoint took, shared by the slots. Runs are interleaved;
medians are printed, with the CPU time of this process for each request. `--no-client` has both ask a teacher in this
process, which only sleeps: what is left is the cost of the flow itself, without that of an HTTP client.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import math
import os
import random
import statistics
import sys
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from time import monotonic, process_time

import numpy as np
import openai
from PIL import Image

from dataengine.backends.directory.store import DirectoryStore
from dataengine.backends.sqlite.bus import SqliteBus
from dataengine.backends.sqlite.ledger import SqliteLedger
from dataengine.core.artifacts import RunKeys
from dataengine.core.events import WeaknessReport
from dataengine.core.images import Annotations, PoolImage, Region
from dataengine.core.ports import TeacherReply, TeacherRequest
from dataengine.generation.handler import Generator
from dataengine.generation.settings import GeneratorSettings
from dataengine.hosting.teachers import OpenTeachers
from dataengine.runtime.runfile import RunFile
from dataengine.runtime.worker import Worker
from dataengine.testing.silent_progress import SilentProgress
from dataengine.wire.documents import AnalysisDoc, BadCase, HeldOutDoc, encode_lines
from dataengine.wire.events import encode

TYPES = ("Instance Attributes", "Instances Counting", "Spatial Relation")
_MEDIAN, _TAIL_SIGMA = 0.5, math.log(10) / 2.326
_AGAIN = b"Task: answer one question"


class _Endpoint(asyncio.Protocol):
    """One connection: answers every request on it after its time."""

    served = 0
    waited = 0.0
    tail = False
    rng = random.Random(7)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport, self._data = transport, b""

    def data_received(self, data: bytes) -> None:
        self._data += data
        while (end := self._data.find(b"\r\n\r\n")) >= 0:
            head = self._data[:end].lower()
            length = int(head.split(b"content-length:")[1].split(b"\r\n")[0]) if b"content-length:" in head else 0
            if len(self._data) < end + 4 + length:
                return
            body, self._data = self._data[end + 4 : end + 4 + length], self._data[end + 4 + length :]
            self._answer(head, body)

    def _answer(self, head: bytes, body: bytes) -> None:
        kind = _Endpoint
        if head.startswith(b"get"):
            self._send({"served": kind.served, "waited": kind.waited})
            kind.served, kind.waited, kind.rng = 0, 0.0, random.Random(7)
            return
        kind.served += 1
        seconds = _MEDIAN * math.exp(_TAIL_SIGMA * kind.rng.gauss(0, 1)) if kind.tail else _MEDIAN
        kind.waited += seconds
        text = "A" if _AGAIN in body else _draft(kind.served)
        usage = {"prompt_tokens": 900, "completion_tokens": 90, "total_tokens": 990}
        message = {"role": "assistant", "content": text}
        choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
        reply = {"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": choices, "usage": usage}
        asyncio.get_running_loop().call_later(seconds, self._send, reply)

    def _send(self, reply: object) -> None:
        body = json.dumps(reply).encode()
        head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        if not self._transport.is_closing():
            self._transport.write(head.encode() + body)


def _draft(number: int) -> str:
    record = {
        "question": f"What color is the thing number {number} that stands to the left of the large box?",
        "answer": "The thing to the left of the large box is red.", "short_answer": "red",
        "options": ["red", "blue", "green", "white"], "choice_answer": "A",
    }  # fmt: skip
    return json.dumps(record)


async def _serve(tail: bool) -> None:
    _Endpoint.tail = tail
    server = await asyncio.get_running_loop().create_server(_Endpoint, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


async def _asked(address: str) -> tuple[int, float]:
    """What the endpoint has served since it was last asked, and the time that all of it took."""
    host, port = address.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"GET / HTTP/1.1\r\n\r\n")
    await reader.readuntil(b"\r\n\r\n")
    found = json.loads(await reader.readuntil(b"}"))
    writer.close()
    return found["served"], found["waited"]


@cache
def _jpeg(number: int) -> bytes:
    pixels = np.random.default_rng(number).integers(0, 255, (12, 16, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).resize((640, 480), Image.Resampling.BICUBIC).save(out, "JPEG", quality=90)
    return out.getvalue()


class _Sleeper:
    """A teacher in this process."""

    def __init__(self, tail: bool) -> None:
        self._tail, self._rng = tail, random.Random(7)
        self.served, self.waited = 0, 0.0

    async def write(self, request: TeacherRequest) -> TeacherReply:
        return TeacherReply(await self.ask(request.user), 900, 90, "m")

    async def ask(self, text: str) -> str:
        self.served += 1
        number = self.served
        seconds = _MEDIAN * math.exp(_TAIL_SIGMA * self._rng.gauss(0, 1)) if self._tail else _MEDIAN
        self.waited += seconds
        await asyncio.sleep(seconds)
        return "A" if _AGAIN.decode() in text else _draft(number)

    async def close(self) -> None:
        """There is nothing to close."""


class _Pool:
    """`size` images, 64 of which differ."""

    def __init__(self, size: int) -> None:
        self._images = [PoolImage(str(n), f"p/{n}.jpg", 640, 480) for n in range(size)]

    def images(self) -> Sequence[PoolImage]:
        return self._images

    def annotations(self, image_id: str) -> Annotations:
        regions = tuple(Region(f"a red thing number {n}", (n, n, n + 90, n + 90)) for n in range(40))
        return Annotations(self._images[int(image_id)], regions)

    def read(self, path: str) -> bytes:
        return _jpeg(int(Path(path).stem) % 64)


def _run_file(address: str, concurrency: int, samples: int) -> RunFile:
    return RunFile.model_validate(
        {
            "run": "flow",
            "student": {"family": "tiny-llava", "base": "base"},
            "benchmark": {"name": "seed-bench", "data": {"data": "x"}},
            "pictures": {"source": "visual-genome", "data": "pool"},
            "teacher": {"kind": "openai", "model": "m", "base_url": f"{address}/v1", "concurrency": concurrency},
            "generation": {"budget": samples},
        }
    )


async def _ours(address: str, concurrency: int, samples: int, sleeper: _Sleeper | None) -> None:
    """A round, from its first event to its last."""
    with tempfile.TemporaryDirectory() as folder:
        store, keys = DirectoryStore(Path(folder)), RunKeys("flow")
        run = _run_file(address, concurrency, samples)
        config = store.claim(keys.config, run.encode())
        rng = random.Random(1)
        hashes = frozenset(f"{rng.getrandbits(64):016x}" for _ in range(14_000))
        store.claim(keys.held_out, HeldOutDoc(images=frozenset(), appearances=hashes, questions=frozenset()).encode())
        cases = [
            BadCase(
                question_id=name, question="What color is the cup?", question_type=name, image="9",
                choices=("red", "blue"), gold="blue", answered="red",
            )
            for name in TYPES
        ]  # fmt: skip
        base = store.claim(keys.round(0, "checkpoint.json"), b"{}")
        analysis = AnalysisDoc(
            run="flow", round=0, evaluation=base, checkpoint=base, decision="turn", reason="", promoted=False,
            promotion_reason="", best=base, best_round=0, weighting="uniform", weights=dict.fromkeys(TYPES, 1 / 3),
            bad_cases=store.put(f"{keys.root}/bad.jsonl", encode_lines(cases)), bad_case_counts={},
            against_base={}, against_best={},
        )  # fmt: skip
        report = WeaknessReport("flow", config, 0, store.claim(keys.round(0, "analysis.json"), analysis.encode()), base)
        bus, ledger = SqliteBus(Path(folder) / "bus.sqlite"), SqliteLedger(Path(folder) / "bus.sqlite")
        pool = _Pool(3 * samples)
        settings = GeneratorSettings()
        teachers, work = OpenTeachers(lambda section: sleeper or section.open()), Path(folder) / "work"
        generator = Generator(store, teachers, lambda name, data: pool, SilentProgress(), settings, work)
        working = asyncio.create_task(
            Worker("generator", bus, ledger, generator.handlers, concurrency=settings.parts).run()
        )
        ready = await bus.subscribe("watch", ["data-ready", "parked"])
        await bus.publish([encode(report, "command")])
        delivery = await ready.next()
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        await teachers.close()
        await bus.close()
        await ledger.close()
        assert delivery.message.topic == "data-ready", delivery.message.headers


async def _plain(address: str, concurrency: int, samples: int, sleeper: _Sleeper | None) -> None:
    """The least that asks the same."""
    gate = asyncio.Semaphore(concurrency)
    client = openai.AsyncOpenAI(api_key="k", base_url=f"{address}/v1", max_retries=0)

    async def ask(text: str) -> str:
        async with gate:
            if sleeper is not None:
                return await sleeper.ask(text)
            reply = await client.chat.completions.create(model="m", messages=[{"role": "user", "content": text}])
            return reply.choices[0].message.content or ""

    async def sample(number: int) -> None:
        record = json.loads(await ask(f"{number} " + "a red thing. " * 160))
        assert await ask(f"{_AGAIN.decode()}: {record['question']}") == record["choice_answer"]

    await asyncio.gather(*(sample(number) for number in range(samples)))
    await client.close()


async def _measure(options: argparse.Namespace) -> None:
    endpoint = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "perf.generation_flow", "--serve", *(["--tail"] if options.tail else []),
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert endpoint.stdout is not None
    address = f"http://127.0.0.1:{int(await endpoint.stdout.readline())}"
    os.environ["OPENAI_API_KEY"] = "k"
    latency = "p50 0.5 s, p99 5 s" if options.tail else "0.5 s"
    print(f"latency {latency}, {options.samples} samples, load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    print("| in flight | who | requests/s | of the bound | CPU ms a request |\n|---|---|---|---|---|")
    try:
        for concurrency in options.concurrency:
            shares: dict[str, list[tuple[float, float, float]]] = {}
            for _ in range(options.repeat):
                for name, work in (("ours", _ours), ("plain loop", _plain)):
                    await _asked(address)
                    sleeper = _Sleeper(options.tail) if options.no_client else None
                    begun, cpu = monotonic(), process_time()
                    await work(address, concurrency, options.samples, sleeper)
                    seconds, used = monotonic() - begun, process_time() - cpu
                    served, waited = (sleeper.served, sleeper.waited) if sleeper else await _asked(address)
                    row = served / seconds, waited / concurrency / seconds, 1000 * used / served
                    shares.setdefault(name, []).append(row)
            for name, rows in shares.items():
                rate, share, cost = (statistics.median(column) for column in zip(*rows, strict=True))
                print(f"| {concurrency} | {name} | {rate:.1f} | {100 * share:.0f} % | {cost:.1f} |", flush=True)
    finally:
        endpoint.terminate()
        await endpoint.wait()


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--concurrency", type=int, nargs="+", default=[32, 128])
    parser.add_argument("--samples", type=int, default=2000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--tail", action="store_true")
    parser.add_argument("--no-client", action="store_true")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    asyncio.run(_serve(options.tail) if options.serve else _measure(options))


if __name__ == "__main__":
    main()
