"""Every image source keeps its contract."""

from pathlib import Path

import pytest

from dataengine.core.errors import ConfigurationError
from dataengine.core.ports import ImageSource
from dataengine.data.easy_vqa import EasyVqa
from dataengine.data.image_sources import open_source
from dataengine.testing.fake_source import FakeSource
from dataengine.testing.source_contract import SourceContract
from tests.unit.data.published_files import image_folder, visual_genome


class TestFakeSource(SourceContract):
    @pytest.fixture
    def source(self) -> ImageSource:
        return FakeSource([["a red ball", "it is sunny"], []])


class TestVisualGenome(SourceContract):
    @pytest.fixture
    def source(self, tmp_path: Path) -> ImageSource:
        return open_source("visual-genome", visual_genome(tmp_path))


class TestEasyVqa(SourceContract):
    @pytest.fixture
    def source(self) -> ImageSource:
        pytest.importorskip("easy_vqa")
        return EasyVqa(Path("installed"))


class TestImageFolder(SourceContract):
    @pytest.fixture
    def source(self, tmp_path: Path) -> ImageSource:
        return open_source("folder", image_folder(tmp_path))


def test_an_unknown_source_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="visual-genome, visual-genome-related, coco, easy-vqa, folder"):
        open_source("imagenet", tmp_path)
