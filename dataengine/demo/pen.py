"""A pen that draws outlined shapes on a square sheet measured 0 to 100 in both directions."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont

Color = tuple[int, int, int]
Points = Sequence[tuple[float, float]]

SHEET = 256
"""Side of the sheet in pixels; a sprite is shrunk from it, which smooths its edges."""
INK: Color = (30, 30, 35)

PAINT: dict[str, Color] = {
    "red": (222, 30, 38),
    "yellow": (255, 216, 20),
    "green": (30, 165, 60),
    "blue": (25, 90, 225),
    "purple": (140, 50, 190),
    "white": (255, 255, 255),
}
"""What each color word looks like."""


class Pen:
    """Draws on a transparent sheet; every filled shape gets a dark outline."""

    def __init__(self) -> None:
        self.image = Image.new("RGBA", (SHEET, SHEET), (0, 0, 0, 0))
        self._draw = ImageDraw.Draw(self.image)
        self._scale = SHEET / 100

    def _at(self, points: Points) -> list[tuple[float, float]]:
        return [(x * self._scale, y * self._scale) for x, y in points]

    def _width(self, width: float) -> int:
        return round(width * self._scale)

    def polygon(self, points: Points, fill: Color, outline: float = 3) -> None:
        """A closed shape."""
        at = self._at(points)
        self._draw.polygon(at, fill=fill)
        if outline:
            self._draw.line([*at, at[0], at[1]], fill=INK, width=self._width(outline), joint="curve")

    def ellipse(self, box: tuple[float, float, float, float], fill: Color, outline: float = 3) -> None:
        """An ellipse inside the box left, top, right, bottom."""
        self._draw.ellipse(self._at([box[:2], box[2:]]), fill=fill, outline=INK, width=self._width(outline))

    def rectangle(self, box: tuple[float, float, float, float], fill: Color, outline: float = 3) -> None:
        """A rectangle left, top, right, bottom."""
        self._draw.rectangle(self._at([box[:2], box[2:]]), fill=fill, outline=INK, width=self._width(outline))

    def line(self, points: Points, fill: Color = INK, width: float = 4) -> None:
        """A stroke through the points."""
        self._draw.line(self._at(points), fill=fill, width=self._width(width), joint="curve")

    def limb(self, points: Points, fill: Color, width: float = 7) -> None:
        """A stroke with a dark outline."""
        self.line(points, INK, width + 4)
        self.line(points, fill, width)

    def ring(self, box: tuple[float, float, float, float], fill: Color, width: float) -> None:
        """A hollow outlined ring."""
        left, top, right, bottom = self._at([box[:2], box[2:]])[0] + self._at([box[:2], box[2:]])[1]
        edge = self._width(1.5)
        self._draw.ellipse(
            (left - edge, top - edge, right + edge, bottom + edge), outline=INK, width=self._width(width) + 2 * edge
        )
        self._draw.ellipse((left, top, right, bottom), outline=fill, width=self._width(width))

    def write(self, word: str, box: tuple[float, float, float, float], fill: Color = INK) -> None:
        """The word in bold, as large as the box allows."""
        left, top, right, bottom = self._at([box[:2], box[2:]])[0] + self._at([box[:2], box[2:]])[1]
        font = ImageFont.load_default(size=120)
        stroke = 5
        x0, y0, x1, y1 = (round(v) for v in font.getbbox(word, stroke_width=stroke))
        mask = Image.new("L", (x1 - x0, y1 - y0))
        ImageDraw.Draw(mask).text((-x0, -y0), word, fill=255, font=font, stroke_width=stroke)
        factor = min((right - left) / mask.width, (bottom - top) / mask.height)
        mask = mask.resize((round(mask.width * factor), round(mask.height * factor)), Image.Resampling.LANCZOS)
        corner = (round((left + right - mask.width) / 2), round((top + bottom - mask.height) / 2))
        self.image.paste(Image.new("RGBA", mask.size, (*fill, 255)), corner, mask)

    def sticker(self) -> Image.Image:
        """The sheet's drawing with a white rim around it, RGBA."""
        alpha = self.image.getchannel("A").point(lambda a: 255 if a > 40 else 0)
        rim = alpha
        for _ in range(3):
            rim = rim.filter(ImageFilter.MaxFilter(5))
        back = Image.new("RGBA", self.image.size, (255, 255, 255, 0))
        back.putalpha(ImageChops.lighter(rim, alpha))
        back.alpha_composite(self.image)
        return back
