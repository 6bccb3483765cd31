"""Frames with their boxes drawn: what is kept, what is suspected, what was missed, each box with its number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from askew.arrays import Floats, Mask
from askew.boxes import Detections
from askew.data.film.reader import Image
from askew.errors import MissingExtra
from askew.export.tags import place_tags

if TYPE_CHECKING:
    from PIL.Image import Image as Picture
    from PIL.ImageDraw import ImageDraw

Colour = tuple[int, int, int]

INK, PAPER = (40, 40, 40), (255, 255, 255)

NARROWEST_PX, LONGEST_PX = 1000, 1920
"""A frame is enlarged to this width, or reduced to this longest side, before its boxes are drawn."""

CROWDED = 0.1
"""Where tags would cover more of the picture than this share, they say the number of their box only."""

LONGEST_NAME = 24
"""Letters of a class that a tag shows."""


class Look(NamedTuple):
    """How a kind of boxes is drawn. Colour is never the only difference: lines and symbols differ too."""

    name: str
    colour: Colour
    symbol: str
    width: int
    """Of the line, as a multiple of the thinnest."""
    dashed: bool


KEPT = Look("kept", (0, 132, 55), "tick", 1, False)
SUSPECTED = Look("suspected", (204, 20, 30), "cross", 2, False)
MISSED = Look("missed", (0, 100, 190), "?", 2, True)
"""Red is wrong and green is fine; white letters on each have a contrast of 4.5 or more."""


class Tagged(NamedTuple):
    """A box to draw, in pixels of the picture, with its look, its number, and what its tag may say beside that."""

    box: list[float]
    look: Look
    number: int
    words: str


def pillow() -> Any:
    """Returns Pillow, which draws.

    Raises:
        MissingExtra: it is not installed.
    """
    try:
        import PIL.Image
        import PIL.ImageDraw
        import PIL.ImageFont
    except ImportError as error:
        raise MissingExtra("drawing pictures", "video") from error
    return PIL


def draw_frame(
    image: Image,
    detections: Detections,
    suspected: Mask,
    missed: Detections,
    *,
    classes: Sequence[str],
    title: str = "",
) -> Picture:
    """Draws the boxes of a frame: kept detections thin and green, suspected ones thick and red, missed dashed and blue.

    Each box has the number by which `askew.export.errors.boxes_document` knows it: a detection its row, from 0; missed
    objects the numbers after those. Suspected and missed boxes say their class and score too, unless it is crowded. A
    legend stands above.

    Args:
        image: (H, W, 3) uint8, blue, green, red.
        suspected: (K,) bool, which of the detections are held to be wrong.
        classes: names of the classes.
        title: stands above the legend.
    """
    pil = pillow()
    picture, scale = _enlarged(image)
    edge = np.array([picture.width, picture.height] * 2, dtype=np.float64)
    unit = max(NARROWEST_PX, picture.width)
    thin = max(2, round(unit / 600))
    margin = SUSPECTED.width * thin + 1
    inside = [(box * scale).clip(margin, edge - 1 - margin) for part in (detections, missed) for box in part.boxes]
    drawn = _tagged(inside, detections, suspected, missed, classes)
    draw = pil.ImageDraw.Draw(picture)
    for one in sorted(drawn, key=lambda one: one.look.width):
        draw_box(draw, one.box, one.look, thin)
    left_out = _draw_tags(draw, drawn, pil.ImageFont.load_default(size=round(unit / 52)), picture.size)
    return _with_legend(picture, title, [one.look for one in drawn], left_out, unit)


def _enlarged(image: Image) -> tuple[Picture, float]:
    """Returns the frame as a picture of a size to be looked at, and its scale."""
    pil = pillow()
    height, width = image.shape[:2]
    scale = min(max(1, NARROWEST_PX / width), LONGEST_PX / max(width, height))
    picture: Picture = pil.Image.fromarray(np.ascontiguousarray(image[:, :, ::-1]))
    if scale == 1:
        return picture, 1.0
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    how = pil.Image.Resampling.BICUBIC if scale > 1 else pil.Image.Resampling.LANCZOS
    return picture.resize(size, how), scale


def _tagged(
    boxes: Sequence[Floats], detections: Detections, suspected: Mask, missed: Detections, classes: Sequence[str]
) -> list[Tagged]:
    """Returns the boxes of a frame with what their tags say, those that matter most first."""
    looks = [SUSPECTED if wrong else KEPT for wrong in suspected] + [MISSED] * len(missed)
    kinds = np.concatenate([detections.classes, missed.classes]).tolist()
    scores = np.concatenate([detections.scores, missed.scores]).tolist()
    out: list[Tagged] = []
    for number, (box, look, kind, score) in enumerate(zip(boxes, looks, kinds, scores, strict=True)):
        name = classes[kind] if len(classes[kind]) <= LONGEST_NAME else classes[kind][: LONGEST_NAME - 1] + "…"
        out.append(Tagged(box.tolist(), look, number, "" if look is KEPT else f"  {name} {score:.2f}"))
    order = [SUSPECTED, MISSED, KEPT]
    return sorted(out, key=lambda one: order.index(one.look))


def draw_box(draw: ImageDraw, box: Sequence[float], look: Look, thin: int) -> None:
    """Draws a box around its area, with a white edge that sets it off from any picture."""
    width = look.width * thin
    left, top, right, bottom = (round(value) for value in box)
    outer = (left - width, top - width, right + width, bottom + width)
    draw.rectangle((outer[0] - 1, outer[1] - 1, outer[2] + 1, outer[3] + 1), outline=PAPER, width=width + 2)
    if not look.dashed:
        draw.rectangle(outer, outline=look.colour, width=width)
        return
    for begin, end in _dashes(outer[0], outer[2] + 1, width):
        for y in (outer[1], outer[3] - width + 1):
            draw.rectangle((begin, y, end - 1, y + width - 1), fill=look.colour)
    for begin, end in _dashes(outer[1], outer[3] + 1, width):
        for x in (outer[0], outer[2] - width + 1):
            draw.rectangle((x, begin, x + width - 1, end - 1), fill=look.colour)


def _dashes(begin: int, end: int, width: int) -> list[tuple[int, int]]:
    """Returns the dashes of a side: as long as the gaps, with one at both ends.

    >>> _dashes(0, 50, 3)
    [(0, 10), (20, 30), (40, 50)]
    """
    n = 2 * max(1, round((end - begin) / (6 * width) - 0.5)) + 1
    cuts = [begin + round((end - begin) * part / n) for part in range(n + 1)]
    return list(zip(cuts[::2], cuts[1::2], strict=True))


def _draw_tags(draw: ImageDraw, drawn: Sequence[Tagged], font: Any, size: tuple[int, int]) -> int:
    """Draws the tags, none over another, and returns how many had no room."""
    texts = [f"{one.number}{one.words}" for one in drawn]
    sizes = _tag_sizes(draw, drawn, texts, font)
    if sizes.prod(axis=1).sum() > CROWDED * size[0] * size[1]:
        texts = [str(one.number) for one in drawn]
        sizes = _tag_sizes(draw, drawn, texts, font)
    boxes = np.array([one.box for one in drawn], dtype=np.float64).reshape(-1, 4)
    far = np.array([one.look is not KEPT for one in drawn], dtype=bool)
    spots = place_tags(boxes, sizes, far, *size)
    tags = np.concatenate([spots, spots + sizes], axis=1)
    there = ~np.isnan(spots[:, 0])
    for row in np.flatnonzero(there).tolist():
        _leader(draw, drawn[row], tags[row].tolist(), max(2, font.size // 8))
    for row in np.flatnonzero(there).tolist():
        _draw_tag(draw, tags[row].tolist(), drawn[row].look, texts[row], font)
    return int((~there).sum())


def _tag_sizes(draw: ImageDraw, drawn: Sequence[Tagged], texts: Sequence[str], font: Any) -> Floats:
    high = round(font.size * 1.35)
    symbols = [0 if one.look is KEPT else font.size for one in drawn]
    widths = [
        draw.textlength(text, font=font) + font.size / 2 + more for text, more in zip(texts, symbols, strict=True)
    ]
    return np.array([[round(width), high] for width in widths], dtype=np.float64).reshape(-1, 2)


def _draw_tag(draw: ImageDraw, tag: Sequence[float], look: Look, text: str, font: Any) -> None:
    left, top, right, bottom = tag
    draw.rectangle((left, top, right - 1, bottom - 1), fill=look.colour, outline=PAPER)
    x, y = left + font.size / 4, (top + bottom) / 2
    if look is not KEPT:
        draw_symbol(draw, look.symbol, (x, y), font, PAPER)
        x += font.size
    draw.text((x, y), text, fill=PAPER, font=font, anchor="lm")


def _leader(draw: ImageDraw, one: Tagged, tag: Sequence[float], width: int) -> None:
    """Draws a line from a tag that stands away to its box."""
    left, top, right, bottom = one.box
    x, y = (tag[0] + tag[2]) / 2, (tag[1] + tag[3]) / 2
    end = (min(max(x, left), right), min(max(y, top), bottom))
    gap = max(tag[0] - right, left - tag[2], tag[1] - bottom, top - tag[3])
    if gap > 1:
        draw.line((x, y, *end), fill=PAPER, width=width + 2)
        draw.line((x, y, *end), fill=one.look.colour, width=width)


def draw_symbol(draw: ImageDraw, symbol: str, place: tuple[float, float], font: Any, colour: Colour) -> None:
    """Draws a tick, a cross or a letter; `place` is its left middle. The built-in font has no tick."""
    x, y = place
    arm, width = font.size * 0.28, max(2, round(font.size / 7))
    x += font.size * 0.36
    if symbol == "cross":
        for sign in (-1, 1):
            draw.line((x - arm, y - sign * arm, x + arm, y + sign * arm), fill=colour, width=width)
    elif symbol == "tick":
        draw.line((x - arm, y, x - arm / 4, y + arm, x + arm, y - arm), fill=colour, width=width, joint="curve")
    else:
        draw.text((x, y), symbol, fill=colour, font=font, anchor="mm", stroke_width=1, stroke_fill=colour)


def _with_legend(picture: Picture, title: str, looks: Sequence[Look], left_out: int, unit: int) -> Picture:
    """Puts a title and what the boxes mean above a frame."""
    pil = pillow()
    font = pil.ImageFont.load_default(size=round(unit / 38))
    line = round(font.size * 1.6)
    bar = line * (3 if left_out else 2)
    out: Picture = pil.Image.new("RGB", (unit, picture.height + bar), PAPER)
    out.paste(picture, (0, bar))
    draw = pil.ImageDraw.Draw(out)
    edge = font.size * 0.5
    while title and draw.textlength(title, font=font) > unit - 2 * edge:
        title = title[:-2] + "…"
    draw.text((edge, line * 0.55), title, fill=INK, font=font, anchor="lm")
    x = edge
    for look in (KEPT, SUSPECTED, MISSED):
        x = draw_key(draw, (x, line * 1.5), look, f"{looks.count(look)} {look.name}", font)
    if left_out:
        note = f"no room for the number{'s' if left_out > 1 else ''} of {left_out} box{'es' if left_out > 1 else ''}"
        draw.text((edge, line * 2.5), note, fill=INK, font=font, anchor="lm")
    return out


def draw_key(draw: ImageDraw, place: tuple[float, float], look: Look, text: str, font: Any) -> float:
    """Draws a look with its symbol and a text, from its left middle; returns where the next may begin."""
    x, y = place
    thin = max(2, round(font.size / 13))
    side = font.size * 0.95
    inset = look.width * thin + 1
    draw_box(draw, (x + inset, y - side / 2 + inset, x + 1.5 * side - inset, y + side / 2 - inset), look, thin)
    draw_symbol(draw, look.symbol, (x + 0.75 * side - font.size * 0.36, y), _smaller(font), look.colour)
    x += 1.5 * side + font.size * 0.4
    draw.text((x, y), text, fill=look.colour, font=font, anchor="lm")
    return float(x + draw.textlength(text, font=font) + font.size)


def _smaller(font: Any) -> Any:
    return font.font_variant(size=round(font.size * 0.8))
