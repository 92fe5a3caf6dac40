"""Embeddings in a folder: written shard by shard, gone on with, read without the model."""

import io
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from PIL import Image
from transformers import CLIPImageProcessor, CLIPVisionConfig, CLIPVisionModelWithProjection

from dataengine.core.errors import InputError
from dataengine.data.embeddings import SHARD, Embeddings, write_embeddings
from dataengine.student.clip_embedding import ClipEmbedder
from dataengine.testing.images import noisy_image, plain_image


class Counting:
    """A point per image, from its bytes; counts."""

    def __init__(self) -> None:
        self.embedded = 0

    def embed(self, images: Sequence[bytes]) -> Sequence[Sequence[float]]:
        self.embedded += len(images)
        return [(1.0, 0.0) for _ in images]


def test_a_killed_embedding_goes_on_behind_the_last_whole_shard(tmp_path: Path) -> None:
    names = [str(n) for n in range(SHARD + 5)]

    def killed(name: str) -> bytes:
        if name == str(SHARD + 2):
            raise KeyboardInterrupt
        return b""

    embedder = Counting()
    with pytest.raises(KeyboardInterrupt):
        write_embeddings(tmp_path, "pool", names, killed, embedder)
    assert write_embeddings(tmp_path, "pool", names, lambda name: b"", embedder) == 5
    assert write_embeddings(tmp_path, "pool", names, lambda name: b"", embedder) == 0
    write_embeddings(tmp_path, "asked", ["a"], lambda name: b"", embedder)
    assert len(Embeddings(tmp_path).nearest("a", 10_000)) == SHARD + 5


def test_a_folder_without_embeddings_says_how_to_make_them(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no embeddings") as raised:
        Embeddings(tmp_path).nearest("a", 3)
    assert "dataengine data embed" in raised.value.todo


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CLIP of two small layers with random weights."""
    folder = tmp_path_factory.mktemp("clip")
    torch.manual_seed(0)
    config = CLIPVisionConfig(
        hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2, image_size=32, patch_size=8,
        projection_dim=16,
    )  # fmt: skip
    CLIPVisionModelWithProjection(config).save_pretrained(folder)
    CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}).save_pretrained(folder)
    return folder


def reencoded(data: bytes) -> bytes:
    buffer = io.BytesIO()
    Image.open(io.BytesIO(data)).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


def test_clip_s_points_have_length_one_and_find_the_same_image_again(tmp_path: Path, clip: Path) -> None:
    pool = {"red": plain_image(250, 10, 10), "blue": plain_image(10, 10, 250), "noise": noisy_image(4)}
    embedder = ClipEmbedder(clip)
    points = embedder.embed(list(pool.values()))
    assert [pytest.approx(1.0, abs=1e-4)] * 3 == [sum(x * x for x in point) for point in points]
    assert embedder.embed([]) == []
    write_embeddings(tmp_path, "pool", list(pool), pool.__getitem__, embedder, batch=2)
    write_embeddings(tmp_path, "asked", list(pool), lambda name: reencoded(pool[name]), embedder)
    found = Embeddings(tmp_path)
    assert [found.nearest(name, 1) for name in pool] == [[name] for name in pool]


def test_a_folder_without_clip_and_a_broken_image_are_named(tmp_path: Path, clip: Path) -> None:
    with pytest.raises(InputError, match="holds no CLIP"):
        ClipEmbedder(tmp_path)
    with pytest.raises(InputError, match="does not decode"):
        ClipEmbedder(clip).embed([b"no picture"])
