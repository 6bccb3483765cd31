"""The labelling configuration of a project in Label Studio: a picture, its class or boxes, or "cannot tell"."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from xml.sax.saxutils import quoteattr

from askew.errors import InputError

CONTROL = "label"
"""The name of the choice in the configuration, or of the boxes, of ours and of every answer to it."""

CANNOT_TELL_CONTROL = "cannot_tell"
"""The name of the choice beside boxes that says that nobody can tell."""

PICTURE = "image"
"""The name of the picture in the configuration, and its field in a task's data."""

CANNOT_TELL = "(cannot tell)"
"""The choice of somebody who looked and cannot tell the class."""

OF_CLASSES, OF_BOXES = ("Choices", "Choice"), ("RectangleLabels", "Label")
"""The tags of the control and of a class in it."""


def labelling_config(classes: Sequence[str], *, boxes: bool = False) -> str:
    """Returns a labelling configuration: a picture that can be enlarged, a choice of one class, and "cannot tell".

    With `boxes` there are boxes to draw, each of one class and none turned, in place of the choice.

    Raises:
        InputError: a class has the name that stands for "cannot tell".
    """
    _check(classes)
    if boxes:
        return _of_boxes(classes)
    choices = [f"    <Choice value={quoteattr(name)}/>" for name in (*classes, CANNOT_TELL)]
    return "\n".join(
        [
            "<View>",
            f'  <Image name="{PICTURE}" value="${PICTURE}" zoom="true"/>',
            f'  <Choices name="{CONTROL}" toName="{PICTURE}" choice="single" required="true" showInLine="true">',
            *choices,
            "  </Choices>",
            "</View>",
            "",
        ]
    )


def _of_boxes(classes: Sequence[str]) -> str:
    return "\n".join(
        [
            "<View>",
            f'  <Image name="{PICTURE}" value="${PICTURE}" zoom="true"/>',
            f'  <RectangleLabels name="{CONTROL}" toName="{PICTURE}" canRotate="false">',
            *[f"    <Label value={quoteattr(name)}/>" for name in classes],
            "  </RectangleLabels>",
            f'  <Choices name="{CANNOT_TELL_CONTROL}" toName="{PICTURE}" choice="single">',
            f"    <Choice value={quoteattr(CANNOT_TELL)}/>",
            "  </Choices>",
            "</View>",
            "",
        ]
    )


def with_classes(config: str, classes: Sequence[str], *, boxes: bool = False) -> str:
    """Returns a configuration in which every class can be chosen; one in which it can already is returned as it is.

    What people changed in Label Studio stays: a missing class is added to the choice of classes before "cannot tell",
    and nothing is taken away.

    Raises:
        InputError: the configuration does not ask for a class of a picture, or for boxes, as askew's does.
    """
    _check(classes)
    root = _parsed(config)
    tag, of_class = OF_BOXES if boxes else OF_CLASSES
    control = None if root is None else root.find(f".//{tag}[@name='{CONTROL}']")
    if root is None or control is None or not _shows_the_picture(root, control):
        raise InputError(
            f"the labelling configuration has no {'boxes' if boxes else 'choice'} named {CONTROL!r} of a picture "
            f"${PICTURE}: it is no project that askew made{' for boxes' if boxes else ''}; name another one, and it is "
            "made"
        )
    there = [choice.get("value") for choice in control.iter(of_class)]
    missing = [name for name in (*classes, *(() if boxes else (CANNOT_TELL,))) if name not in there]
    if not missing:
        return config
    last = CANNOT_TELL in there and [child.get("value") for child in control].count(CANNOT_TELL)
    place = [child.get("value") for child in control].index(CANNOT_TELL) if last else len(control)
    for shift, name in enumerate(missing):
        control.insert(place + shift, ET.Element(of_class, {"value": name}))
    ET.indent(root)
    return ET.tostring(root, encoding="unicode") + "\n"


def _parsed(config: str) -> ET.Element | None:
    """Returns the root of a configuration, or None if it is no XML; what declares entities is not read."""
    if "<!" in config.replace("<!--", ""):
        return None
    try:
        return ET.fromstring(config)
    except ET.ParseError:
        return None


def _shows_the_picture(root: ET.Element, control: ET.Element) -> bool:
    picture = root.find(f".//Image[@name='{control.get('toName')}']")
    return picture is not None and picture.get("value") == f"${PICTURE}"


def _check(classes: Sequence[str]) -> None:
    if CANNOT_TELL in classes:
        raise InputError(f"classes: {CANNOT_TELL!r} is what Label Studio offers to those who cannot tell: rename it")
