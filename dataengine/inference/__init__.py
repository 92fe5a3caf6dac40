"""The engine that answers: load, batch, encode images, rank, generate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dataengine.core.faces import lazily

if TYPE_CHECKING:
    from dataengine.inference.adapters import Adapters
    from dataengine.inference.checkpoints import Checkpoints
    from dataengine.inference.engine import Engine
    from dataengine.inference.image_features import ImageFeatureCache
    from dataengine.inference.in_process import InprocessStudent
    from dataengine.inference.serving import Serving
else:
    __getattr__ = lazily(
        __name__,
        {
            "Engine": "engine",
            "InprocessStudent": "in_process",
            "Checkpoints": "checkpoints",
            "Adapters": "adapters",
            "ImageFeatureCache": "image_features",
            "Serving": "serving",
        },
    )

__all__ = ["Adapters", "Checkpoints", "Engine", "ImageFeatureCache", "InprocessStudent", "Serving"]
