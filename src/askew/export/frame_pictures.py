"""Pictures of estimated errors: frames with their boxes drawn, and a strip that shows when the errors happen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from askew.arrays import Indices, Mask
from askew.boxes import Detections
from askew.data.film.reader import Image
from askew.errors import MissingExtra
from askew.video.frame_errors import FrameErrors

if TYPE_CHECKING:
    from PIL.Image import Image as Picture
    from PIL.ImageDraw import ImageDraw

KEPT, SUSPECTED, MISSED = (214, 39, 40), (148, 52, 200), (26, 152, 80)
"""Red, purple and green, as in Fig. 2.3 of the thesis."""
INK, PALE, PAPER = (40, 40, 40), (205, 205, 205), (255, 255, 255)

STRIP_WIDTH_PX, STRIP_HEIGHT_PX = 1600, 300
EDGE_PX = 64


def _pillow() -> Any:
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
    """Draws the boxes of a frame: kept detections red, suspected ones purple, missed objects green and dashed.

    Args:
        image: (H, W, 3) uint8, blue, green, red.
        suspected: (K,) bool, which of the detections are held to be wrong.
        classes: names of the classes.
        title: stands in the line above the frame, left of the legend.
    """
    pil = _pillow()
    scale = max(1, -(-1000 // image.shape[1]))
    picture = pil.Image.fromarray(np.ascontiguousarray(image[:, :, ::-1]))
    picture = picture.resize((picture.width * scale, picture.height * scale), pil.Image.Resampling.BICUBIC)
    line = max(2, round(picture.width / 700))
    font = pil.ImageFont.load_default(size=max(11, round(picture.width / 95)))
    draw = pil.ImageDraw.Draw(picture)
    groups = (
        (detections.select(~suspected), KEPT, False),
        (detections.select(suspected), SUSPECTED, False),
        (missed, MISSED, True),
    )
    for boxes, colour, dashed in groups:
        for box, kind, score in zip(boxes.boxes * scale, boxes.classes, boxes.scores, strict=True):
            _box(draw, box.tolist(), colour, line, dashed)
            if colour != KEPT:
                _tag(draw, box.tolist(), f"{classes[int(kind)]} {score:.2f}", colour, font, picture.size, below=dashed)
    return _with_legend(picture, title, [len(boxes) for boxes, _, _ in groups])


def _box(draw: ImageDraw, box: Sequence[float], colour: tuple[int, int, int], line: int, dashed: bool) -> None:
    left, top, right, bottom = box
    if not dashed:
        draw.rectangle((left, top, right, bottom), outline=colour, width=line)
        return
    dash = 4.0 * line
    for x in np.arange(left, right, 2 * dash):
        for y in (top, bottom):
            draw.line((x, y, min(x + dash, right), y), fill=colour, width=line)
    for y in np.arange(top, bottom, 2 * dash):
        for x in (left, right):
            draw.line((x, y, x, min(y + dash, bottom)), fill=colour, width=line)


def _tag(
    draw: ImageDraw,
    box: Sequence[float],
    text: str,
    colour: tuple[int, int, int],
    font: Any,
    size: tuple[int, int],
    *,
    below: bool,
) -> None:
    """Writes a label above or below the box, within it where there is no room, always inside the picture."""
    wide, high = (round(v) for v in draw.textbbox((0, 0), text, font=font)[2:])
    left = min(max(0, box[0]), size[0] - wide - 6)
    top = min(box[3], size[1] - high - 5) if below else max(box[1] - high - 5, 0)
    draw.rectangle((left, top, left + wide + 6, top + high + 5), fill=colour)
    draw.text((left + 3, top + 1), text, fill=PAPER, font=font)


def _with_legend(picture: Picture, title: str, counts: Sequence[int]) -> Picture:
    pil = _pillow()
    size = max(13, round(picture.width / 62))
    font = pil.ImageFont.load_default(size=size)
    bar = round(2.2 * size)
    out: Picture = pil.Image.new("RGB", (picture.width, picture.height + bar), PAPER)
    out.paste(picture, (0, bar))
    draw = pil.ImageDraw.Draw(out)
    draw.text((size * 0.6, bar / 2), title, fill=INK, font=font, anchor="lm")
    right = picture.width - size * 0.6
    for name, colour, count in reversed(
        list(zip(("kept", "suspected", "missed"), (KEPT, SUSPECTED, MISSED), counts, strict=True))
    ):
        text = f"{count} {name}"
        draw.text((right, bar / 2), text, fill=INK, font=font, anchor="rm")
        right -= draw.textlength(text, font=font) + size * 0.4
        draw.rectangle((right - size * 0.8, bar / 2 - size * 0.4, right, bar / 2 + size * 0.4), fill=colour)
        right -= size * 2
    return out


def draw_timeline(
    errors: FrameErrors,
    *,
    title: str,
    seconds: NDArray[np.float64] | None = None,
    marked: Sequence[int] | Indices = (),
) -> Picture:
    """Draws when in a video the errors happen: suspected detections upwards, in purple, missed objects downwards.

    A column of the strip is the mean of the frames it stands for, so long videos stay readable.

    Args:
        seconds: (L,) when each frame is shown, for the time below the frame numbers; NaN or None leaves it out.
        marked: frames that get a mark, such as those shown or picked.
    """
    pil = _pillow()
    strip: Picture = pil.Image.new("RGB", (STRIP_WIDTH_PX, STRIP_HEIGHT_PX), PAPER)
    draw = pil.ImageDraw.Draw(strip)
    big, small = pil.ImageFont.load_default(size=20), pil.ImageFont.load_default(size=15)
    n_frames = len(errors)
    wide = STRIP_WIDTH_PX - 2 * EDGE_PX
    up, down = _columns(errors.false_positives, wide), _columns(errors.false_negatives, wide)
    middle, tall = 160, 90
    top = max(1.0, float(up.max(initial=0)), float(down.max(initial=0)))
    for values, colour, sign in ((up, SUSPECTED, -1), (down, MISSED, 1)):
        for column, value in enumerate(values):
            if value > 0:
                x = EDGE_PX + column
                draw.line((x, middle + sign, x, middle + sign * max(1, round(value / top * tall))), fill=colour)
    draw.line((EDGE_PX, middle, EDGE_PX + wide, middle), fill=INK)
    for sign in (-1, 1):
        draw.text(
            (EDGE_PX - 8, middle + sign * tall),
            f"{top:g}",
            fill=INK,
            font=small,
            anchor="rm",
        )
        draw.line((EDGE_PX - 4, middle + sign * tall, EDGE_PX, middle + sign * tall), fill=INK)
    for frame in marked:
        tip = EDGE_PX + (float(frame) + 0.5) / n_frames * wide
        draw.polygon(((tip - 5, 47), (tip + 5, 47), (tip, 57)), fill=INK)
    _ticks(draw, n_frames, seconds, wide, small)
    draw.text((EDGE_PX, 20), title, fill=INK, font=big, anchor="lm")
    right: float = STRIP_WIDTH_PX - EDGE_PX
    totals = (
        (int(errors.false_negatives.sum()), "missed", MISSED),
        (int(errors.false_positives.sum()), "suspected", SUSPECTED),
    )
    for count, name, colour in totals:
        draw.text((right, 20), f"{count} {name}", fill=colour, font=big, anchor="rm")
        right -= draw.textlength(f"{count} {name}", font=big) + 28
    return strip


def _columns(counts: NDArray[np.int64], wide: int) -> NDArray[np.float64]:
    """Returns the mean count of the frames that each of `wide` columns stands for."""
    if not len(counts):
        return np.zeros(wide)
    edges = np.linspace(0, len(counts), wide + 1)
    first = np.minimum(edges[:-1].astype(np.int64), len(counts) - 1)
    last = np.maximum(np.ceil(edges[1:]).astype(np.int64), first + 1)
    total = np.concatenate([[0], np.cumsum(counts)])
    return np.asarray((total[last] - total[first]) / (last - first), dtype=np.float64)


def _ticks(draw: ImageDraw, n_frames: int, seconds: NDArray[np.float64] | None, wide: int, font: Any) -> None:
    steps = [s * 10**e for e in range(8) for s in (1, 2, 5)]
    step = next((s for s in steps if n_frames / s <= 12), steps[-1])
    for frame in range(0, n_frames, step):
        x = EDGE_PX + (frame + 0.5) / n_frames * wide
        draw.line((x, 256, x, 261), fill=INK)
        draw.text((x, 264), str(frame), fill=INK, font=font, anchor="mt")
        if seconds is not None and np.isfinite(seconds[frame]):
            minutes, rest = divmod(float(seconds[frame]), 60)
            close = n_frames > step and seconds[step] < 10
            clock = f"{int(minutes)}:{rest:04.1f}" if close else f"{int(minutes)}:{int(rest):02d}"
            draw.text((x, 281), clock, fill=(120, 120, 120), font=font, anchor="mt")
    draw.line((EDGE_PX, 256, EDGE_PX + wide, 256), fill=PALE)
