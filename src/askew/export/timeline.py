"""A strip that shows when in a video the estimated errors happen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from askew.arrays import Indices
from askew.export.frame_pictures import INK, MISSED, PAPER, SUSPECTED, draw_key, pillow
from askew.video.frame_errors import FrameErrors

if TYPE_CHECKING:
    from PIL.Image import Image as Picture
    from PIL.ImageDraw import ImageDraw

PALE, GREY = (215, 215, 215), (90, 90, 90)

WIDTH_PX = 1600
LEFT_PX, RIGHT_PX = 200, 1550
MIDDLE_PX, TALL_PX, FLOOR_PX = 345, 145, 510
"""The line between suspected and missed, the length of the highest bar, and where the frames are numbered."""

TEXT_PX = 36
"""Letters that can still be read when the strip is as wide as a phone."""


def draw_timeline(
    errors: FrameErrors,
    *,
    title: str,
    seconds: NDArray[np.float64] | None = None,
    marked: Sequence[int] | Indices = (),
) -> Picture:
    """Draws when in a video the errors happen: suspected detections upwards, in red, missed objects downwards, in blue.

    A column of the strip is the mean of the frames it stands for, so long videos stay readable.

    Args:
        seconds: (L,) when each frame is shown, for the time below the frame numbers; NaN or None leaves it out.
        marked: frames that get a mark, such as those shown or picked.
    """
    pil = pillow()
    timed = seconds is not None and bool(np.isfinite(seconds).any())
    strip: Picture = pil.Image.new("RGB", (WIDTH_PX, FLOOR_PX + (130 if timed else 80)), PAPER)
    draw = pil.ImageDraw.Draw(strip)
    font = pil.ImageFont.load_default(size=TEXT_PX)
    _heading(draw, title, errors, len(marked), font)
    _bars(draw, errors, font)
    for frame in marked:
        tip = LEFT_PX + (float(frame) + 0.5) / len(errors) * (RIGHT_PX - LEFT_PX)
        _mark(draw, tip, MIDDLE_PX - TALL_PX - 8)
    _ticks(draw, len(errors), seconds if timed else None, font)
    return strip


def clock(seconds: float, *, tenths: bool = False) -> str:
    """Returns a time as minutes and seconds.

    >>> clock(83.96), clock(83.96, tenths=True), clock(59.99, tenths=True)
    ('1:23', '1:23.9', '0:59.9')
    """
    minutes, rest = divmod(int(seconds * 10 + 1e-6), 600)
    return f"{minutes}:{rest // 10:02d}" + (f".{rest % 10}" if tenths else "")


def _heading(draw: ImageDraw, title: str, errors: FrameErrors, n_marked: int, font: Any) -> None:
    while title and draw.textlength(title, font=font) > WIDTH_PX - 40:
        title = title[:-2] + "…"
    draw.text((20, 32), title, fill=INK, font=font, anchor="lm")
    x, y = 20.0, 92.0
    for look, total in ((SUSPECTED, errors.false_positives.sum()), (MISSED, errors.false_negatives.sum())):
        x = draw_key(draw, (x, y), look, f"{int(total)} {look.name}", font)
    if n_marked:
        _mark(draw, x + 14, y + 10)
        draw.text((x + 38, y), f"{n_marked} drawn", fill=INK, font=font, anchor="lm")


def _mark(draw: ImageDraw, x: float, tip: float) -> None:
    draw.polygon(((x - 12, tip - 20), (x + 12, tip - 20), (x, tip)), fill=INK, outline=PAPER)


def _bars(draw: ImageDraw, errors: FrameErrors, font: Any) -> None:
    """Draws the columns with their scale: errors a frame."""
    wide = RIGHT_PX - LEFT_PX
    up, down = columns(errors.false_positives, wide), columns(errors.false_negatives, wide)
    highest = max(float(up.max(initial=0)), float(down.max(initial=0)))
    top = _round_up(highest) if highest else 1.0
    for sign in (-1, 1):
        y = MIDDLE_PX + sign * TALL_PX
        draw.line((LEFT_PX, y, RIGHT_PX, y), fill=PALE, width=2)
        draw.text((LEFT_PX - 14, y), f"{top:g}", fill=INK, font=font, anchor="rm")
    for values, look, sign in ((up, SUSPECTED, -1), (down, MISSED, 1)):
        for column in np.flatnonzero(values).tolist():
            x = LEFT_PX + column
            end = MIDDLE_PX + sign * max(2, round(values[column] / top * TALL_PX))
            draw.line((x, MIDDLE_PX, x, end), fill=look.colour)
    draw.line((LEFT_PX, MIDDLE_PX, RIGHT_PX, MIDDLE_PX), fill=INK, width=2)
    draw.text((LEFT_PX - 14, MIDDLE_PX), "0", fill=INK, font=font, anchor="rm")
    draw.text((20, MIDDLE_PX - TALL_PX - 50), "errors a frame", fill=GREY, font=font, anchor="lm")


def _round_up(value: float) -> float:
    """Returns the next number of one digit, so that the scale reads well.

    >>> [_round_up(value) for value in (3.0, 2.2, 0.0345, 12.0)]
    [3.0, 3.0, 0.04, 20.0]
    """
    unit = 10.0 ** np.floor(np.log10(value))
    return float(f"{np.ceil(round(value / unit, 9)) * unit:.1g}")


def columns(counts: NDArray[np.int64], wide: int) -> NDArray[np.float64]:
    """Returns the mean count of the frames that each of `wide` columns stands for.

    >>> columns(np.array([4, 0, 1, 1]), 2).tolist(), columns(np.array([1, 3]), 4).tolist()
    ([2.0, 1.0], [1.0, 1.0, 3.0, 3.0])
    """
    if not len(counts):
        return np.zeros(wide)
    edges = np.linspace(0, len(counts), wide + 1)
    first = np.minimum(edges[:-1].astype(np.int64), len(counts) - 1)
    last = np.maximum(np.ceil(edges[1:]).astype(np.int64), first + 1)
    total = np.concatenate([[0], np.cumsum(counts)])
    return np.asarray((total[last] - total[first]) / (last - first), dtype=np.float64)


def _ticks(draw: ImageDraw, n_frames: int, seconds: NDArray[np.float64] | None, font: Any) -> None:
    """Numbers the frames, and says below when they are shown."""
    steps = [s * 10**e for e in range(8) for s in (1, 2, 5)]
    step = next((s for s in steps if n_frames / s <= 9), steps[-1])
    draw.line((LEFT_PX, FLOOR_PX, RIGHT_PX, FLOOR_PX), fill=INK, width=2)
    for y, unit in ((FLOOR_PX + 36, "frame"), (FLOOR_PX + 86, "min:s"))[: 1 if seconds is None else 2]:
        draw.text((20, y), unit, fill=GREY, font=font, anchor="lm")
    for frame in range(0, n_frames, step):
        x = LEFT_PX + (frame + 0.5) / n_frames * (RIGHT_PX - LEFT_PX)
        draw.line((x, FLOOR_PX, x, FLOOR_PX + 10), fill=INK, width=2)
        draw.text((x, FLOOR_PX + 36), str(frame), fill=INK, font=font, anchor="mm")
        if seconds is not None and np.isfinite(seconds[frame]):
            close = n_frames > step and float(seconds[step]) < 10
            draw.text((x, FLOOR_PX + 86), clock(float(seconds[frame]), tenths=close), fill=INK, font=font, anchor="mm")
