"""A video drawn with Panda3D's software renderer: each frame in its colours, and in the numbers of its objects."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from askew.errors import MissingExtra
from askew.seeding import generator
from askew.synth import models, weather
from askew.synth.meshes import Mesh
from askew.synth.scenery import World, world
from askew.synth.table import CLASSES, Sequence
from askew.synth.traffic import Traffic, traffic
from askew.synth.truth import Visible, visible

try:
    from panda3d import core
except ImportError as error:
    raise MissingExtra("synthetic roads", "synth") from error

EYE_M = 1.45
"""Height of the camera above the road."""

VIEW_DEGREES = 56.0
"""From the left edge of the picture to the right one."""

PITCH_DEGREES = -2.0
"""How far the camera looks down."""

FINER = 2
"""The colours are drawn with so many times the pixels a side, and averaged."""

REACH_M = {"pedestrian": 80.0, "cyclist": 90.0, "car": 160.0, "wheelchair": 80.0}
"""Objects further away are not drawn: they would have fewer than 50 pixels."""

ROAD = "road"
"""The value of the tag of what is road: its number in the picture of numbers has a blue of 1."""

ROADS = ("street", "crossing", "zebra", "motorway")
"""Textures of what is road."""

FIRST_OBJECT, FIRST_SHADOW = 1_000_000, 2_000_000
"""Places in the order of drawing. It is fixed, or Panda3D sorts by addresses in memory, which no two runs share."""

COLOURS, NUMBERS = core.BitMask32.bit(0), core.BitMask32.bit(1)
"""Which of the two passes draws a node."""

core.loadPrcFileData("", "load-display p3tinydisplay\naudio-library-name null\nnotify-level error")


@dataclass(frozen=True, eq=False)
class Frame:
    """A frame and what is in it.

    Attributes:
        picture: (H, W, 3) uint8, RGB.
        numbers: (H, W) int32, one more than the number of the object that a pixel shows, or 0.
        objects: those with more than 50 visible pixels.
    """

    picture: NDArray[np.uint8]
    numbers: NDArray[np.int32]
    objects: tuple[Visible, ...]


def frames(
    video: Sequence, *, width_px: int = 400, height_px: int = 300, who: Traffic | None = None
) -> Iterator[Frame]:
    """Yields the frames of a video; the same bytes for the same sequence and size.

    Args:
        who: the video's traffic, if it is known already.
    """
    who = traffic(video) if who is None else who
    stage = _Stage(video, who, world(video, who), width_px, height_px)
    try:
        for number in range(video.n_frames):
            yield stage.frame(number)
    finally:
        stage.close()


class _Stage:
    """The scene of one video, its camera and the three pictures that are drawn of it."""

    def __init__(self, video: Sequence, who: Traffic, around: World, width_px: int, height_px: int) -> None:
        self._video, self._who, self._size = video, who, (width_px, height_px)
        self._root = core.NodePath("world")
        self._engine = core.GraphicsEngine.getGlobalPtr()
        self._textures = {name: _texture(name, picture) for name, picture in around.pictures.items()}
        self._light = around.light
        order = 0
        for block in around.blocks:
            for name, mesh in block.meshes.items():
                node = self._root.attachNewNode(_geometry(mesh))
                node.setBin("fixed", order)
                order += 1
                if name in self._textures:
                    node.setTexture(self._textures[name])
                if name in ROADS:
                    node.setTag("number", ROAD)
        self._sky = self._root.attachNewNode(_geometry(_dome()))
        self._sky.setTexture(self._textures["sky"])
        self._sky.setBin("background", 0)
        self._sky.setDepthWrite(False)
        self._sky.setDepthTest(False)
        self._sky.hide(NUMBERS)
        self._shadow = _soft_spot()
        self._objects: dict[int, tuple[Any, list[tuple[Any, models.Motion]]]] = {}
        lens = core.PerspectiveLens()
        lens.setAspectRatio(width_px / height_px)
        lens.setFov(VIEW_DEGREES)
        lens.setNearFar(0.4, around.ahead_m)
        self._lens = lens
        self._rig = self._root.attachNewNode("rig")
        self._colours = _View(self._engine, "colours", width_px * FINER, height_px * FINER)
        self._numbers = _View(self._engine, "numbers", width_px, height_px)
        self._alone = _View(self._engine, "alone", width_px, height_px)
        self._look(self._colours, COLOURS)
        self._look(self._numbers, NUMBERS)
        self._look(self._alone, NUMBERS)
        self._alone.camera.setInitialState(_flat_state(255, 255, 255))
        self._horizon = self._row_of_horizon()

    def _look(self, view: _View, mask: Any) -> None:
        view.camera.setLens(self._lens)
        view.camera.setCameraMask(mask)
        if view is self._numbers:
            view.camera.setTagStateKey("number")
            view.camera.setInitialState(_flat_state(0, 0, 0))
            view.camera.setTagState(ROAD, _flat_state(0, 0, 1))
            for number in range(len(self._who.kinds)):
                view.camera.setTagState(str(number), _flat_state((number + 1) & 255, (number + 1) >> 8, 0))
        view.region.setCamera(self._rig.attachNewNode(view.camera))

    def _row_of_horizon(self) -> int:
        height = self._size[1]
        focal = height / 2 / math.tan(math.radians(self._lens.getVfov()) / 2)
        return round(height / 2 + focal * math.tan(math.radians(PITCH_DEGREES)))

    def frame(self, number: int) -> Frame:
        """Draws a frame."""
        x, y, angle = self._who.camera[number]
        self._rig.setPos(x, y, EYE_M)
        self._rig.setHpr(math.degrees(angle) - 90, PITCH_DEGREES, 0)
        self._sky.setPos(x, y, 0)
        shown = self._placed(number, (x, y))
        self._colours.buffer.setActive(True)
        self._numbers.buffer.setActive(True)
        self._alone.buffer.setActive(False)
        self._engine.renderFrame()
        width, height = self._size
        fine = self._colours.read()
        coded = self._numbers.read()
        numbers = coded[..., 0].astype(np.int32) + (coded[..., 1].astype(np.int32) << 8)
        objects = visible(numbers, self._who.kinds, self._whole)
        for one in shown:
            one.hide()
        picture = cv2.resize(fine, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32)
        rng = generator(self._video.seed, "weather", number)
        road = coded[..., 2] == 1
        return Frame(weather.weathered(picture, road, self._video.condition, self._horizon, rng), numbers, objects)

    def _placed(self, number: int, here: tuple[float, float]) -> list[Any]:
        """Puts the objects near the camera where they are in a frame; returns their nodes."""
        at, gone = self._who.positions[number], self._who.travelled[number]
        away = np.hypot(at[:, 0] - here[0], at[:, 1] - here[1])
        reach = np.array([REACH_M[name] for name in CLASSES])[self._who.kinds]
        shown = []
        for one in np.flatnonzero(away < reach).tolist():
            node, moving = self._object(one)
            node.setPos(at[one, 0], at[one, 1], self._height(one))
            node.setH(math.degrees(at[one, 2]) - 90)
            for part, motion in moving:
                part.setP(motion(float(gone[one])))
            node.show()
            shown.append(node)
        return shown

    def _height(self, one: int) -> float:
        return 0.1 if CLASSES[self._who.kinds[one]] in ("pedestrian", "wheelchair") else 0.0

    def _object(self, one: int) -> tuple[Any, list[tuple[Any, models.Motion]]]:
        if one not in self._objects:
            night = self._video.condition == "night"
            look = models.model(int(self._who.kinds[one]), int(self._who.looks[one]), self._light, lamps=night)
            node = self._root.attachNewNode("object")
            node.setTag("number", str(one))
            node.setBin("fixed", FIRST_OBJECT + one)
            moving = []
            for part in look.parts:
                child = node.attachNewNode(_geometry(part.mesh))
                child.setPos(*part.pivot)
                if part.pitch is not None:
                    moving.append((child, part.pitch))
            shadow = self._shadow.copyTo(node)
            shadow.setScale(look.size_m[0] * 1.35, look.size_m[1] * 1.25, 1)
            shadow.setZ(0.05)
            shadow.setBin("fixed", FIRST_SHADOW + one)
            shadow.hide(NUMBERS)
            self._objects[one] = (node, moving)
        return self._objects[one]

    def _whole(self, one: int) -> int:
        """Returns the pixels that an object has with nothing in front of it."""
        node, _ = self._objects[one]
        self._alone.camera.setScene(node)
        self._colours.buffer.setActive(False)
        self._numbers.buffer.setActive(False)
        self._alone.buffer.setActive(True)
        self._engine.renderFrame()
        return int(np.count_nonzero(self._alone.read()[..., 0]))

    def close(self) -> None:
        """Gives the memory of the scene back."""
        for view in (self._colours, self._numbers, self._alone):
            self._engine.removeWindow(view.buffer)
        self._root.removeNode()


class _View:
    """A picture in memory that a camera draws."""

    def __init__(self, engine: Any, name: str, width_px: int, height_px: int) -> None:
        properties = core.FrameBufferProperties()
        properties.setRgbaBits(8, 8, 8, 8)
        properties.setDepthBits(24)
        size = core.WindowProperties.size(width_px, height_px)
        self.buffer = engine.makeOutput(_pipe(), name, 0, properties, size, core.GraphicsPipe.BFRefuseWindow)
        self.buffer.setClearColor((0, 0, 0, 1))
        self._texture = core.Texture()
        self.buffer.addRenderTexture(self._texture, core.GraphicsOutput.RTMCopyRam, core.GraphicsOutput.RTPColor)
        self.camera = core.Camera(name)
        self.region = self.buffer.makeDisplayRegion()
        self._shape = (height_px, width_px, 4)

    def read(self) -> NDArray[np.uint8]:
        """Returns (H, W, 3) uint8, RGB."""
        raw = np.frombuffer(self._texture.getRamImage(), np.uint8).reshape(self._shape)
        return raw[::-1, :, 2::-1]


def _pipe() -> Any:
    selection = core.GraphicsPipeSelection.getGlobalPtr()
    selection.loadAuxModules()
    for number in range(selection.getNumPipeTypes()):
        kind = selection.getPipeType(number)
        if kind.getName() == "TinyOffscreenGraphicsPipe":
            return selection.makePipe(kind)
    raise MissingExtra("synthetic roads", "synth")


def _flat_state(red: int, green: int, blue: int) -> Any:
    """Returns a state in which everything has one colour, whatever it is made of.

    The renderer takes a colour times 256, without its fraction: the middle of a step is safe.
    """
    holder = core.NodePath("state")
    holder.setTextureOff(100)
    holder.setLightOff(100)
    holder.setColorScaleOff(100)
    holder.setColor(*((value + 0.5) / 256 for value in (red, green, blue)), 1, 100)
    holder.setTransparency(core.TransparencyAttrib.MNone, 100)
    return holder.getState()


def _geometry(mesh: Mesh) -> Any:
    """Returns a node of Panda3D with the triangles of a mesh."""
    made = mesh.triangles()
    places, faces = made.places, made.faces
    form = core.GeomVertexFormat.getV3c4t2()
    data = core.GeomVertexData("mesh", form, core.Geom.UHStatic)
    data.uncleanSetNumRows(len(places))
    rows = np.zeros(len(places), dtype=[("place", "<f4", 3), ("colour", "u1", 4), ("texture", "<f4", 2)])
    rows["place"], rows["texture"] = places, made.textures
    rows["colour"][:, :3] = (made.colours * 255 + 0.5).astype(np.uint8)
    rows["colour"][:, 3] = 255
    data.modifyArrayHandle(0).copyDataFrom(rows.tobytes())
    triangles = core.GeomTriangles(core.Geom.UHStatic)
    triangles.setIndexType(core.Geom.NTUint32)
    index = triangles.modifyVertices()
    index.uncleanSetNumRows(faces.size)
    index.modifyHandle().copyDataFrom(faces.astype("<u4").tobytes())
    geometry = core.Geom(data)
    geometry.addPrimitive(triangles)
    node = core.GeomNode("mesh")
    node.addGeom(geometry)
    return node


def _texture(name: str, picture: NDArray[np.uint8]) -> Any:
    texture = core.Texture(name)
    height, width = picture.shape[:2]
    texture.setup2dTexture(width, height, core.Texture.TUnsignedByte, core.Texture.FRgb)
    texture.setRamImage(np.ascontiguousarray(picture[::-1, :, ::-1]).tobytes())
    texture.setMinfilter(core.SamplerState.FTLinearMipmapLinear)
    texture.setMagfilter(core.SamplerState.FTLinear)
    return texture


def _dome() -> Mesh:
    """Returns the sky: the inside of a dome that reaches a little below the horizon."""
    mesh = Mesh()
    around, up = 24, 8
    turn = np.arange(around + 1) * 2 * np.pi / around
    rise = np.linspace(-0.06, np.pi / 2 - 0.05, up + 1)
    rows = []
    for angle in rise:
        ring = np.stack(
            [np.cos(turn) * np.cos(angle), np.sin(turn) * np.cos(angle), np.full(around + 1, np.sin(angle))], 1
        )
        rows.append(ring * 150)
    for number in range(up):
        low, high = math.sqrt(number / up), math.sqrt((number + 1) / up)
        u = turn / (2 * np.pi) * 3
        pair = (np.column_stack([u, np.full_like(u, low)]), np.column_stack([u, np.full_like(u, high)]))
        mesh.strip(rows[number], rows[number + 1], (1, 1, 1), pair, lit=False)
        mesh.strip(rows[number + 1], rows[number], (1, 1, 1), pair[::-1], lit=False)
    return mesh


def _soft_spot() -> Any:
    """Returns the shadow below an object: a dark spot of 1 m by 1 m with soft edges."""
    axis = np.linspace(-1, 1, 32)
    distance = np.abs(axis[:, None]) ** 3 + np.abs(axis[None]) ** 3
    alpha = (np.clip(1.15 - distance, 0, 1) * 130).astype(np.uint8)
    texture = core.Texture("shadow")
    texture.setup2dTexture(32, 32, core.Texture.TUnsignedByte, core.Texture.FRgba)
    pixels = np.zeros((32, 32, 4), np.uint8)
    pixels[..., 3] = alpha
    texture.setRamImage(pixels.tobytes())
    maker = core.CardMaker("shadow")
    maker.setFrame(-0.5, 0.5, -0.5, 0.5)
    node = core.NodePath(maker.generate())
    node.setP(-90)
    node.flattenLight()
    node.setTexture(texture)
    node.setTransparency(core.TransparencyAttrib.MAlpha)
    node.setDepthWrite(False)
    return node
