"""Encoded images become pixels here, and nowhere else."""

from __future__ import annotations

from dataengine.images.opener import FORMATS, MOST_PIXELS, check_image, image_size, open_image

__all__ = ["FORMATS", "MOST_PIXELS", "check_image", "image_size", "open_image"]
