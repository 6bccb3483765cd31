"""The labelling configuration offers the classes and nothing that people put there is lost."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

pytest.importorskip("sqlalchemy")

from askew.errors import InputError
from askew.project.label_studio.config import CANNOT_TELL, labelling_config, with_classes

AWKWARD = ["heron", 'gull & <tern> "x"', "möwe", "a'b"]


def choices(config: str) -> list[str | None]:
    return [one.get("value") for one in ET.fromstring(config).iter("Choice")]


def test_every_class_can_be_chosen_whatever_its_name() -> None:
    assert choices(labelling_config(AWKWARD)) == [*AWKWARD, CANNOT_TELL]


def test_a_configuration_with_all_classes_stays_as_it_is_to_the_letter() -> None:
    config = labelling_config(AWKWARD)
    assert with_classes(config, AWKWARD[:2]) is config


def test_new_classes_come_before_cannot_tell_and_what_people_changed_stays() -> None:
    theirs = labelling_config(["heron"]).replace("<View>", '<View style="x"><Header value="Look &amp; see"/>')
    theirs = theirs.replace('<Choice value="heron"/>', '<Choice value="heron" hotkey="h"/><Choice value="kite"/>')
    changed = with_classes(theirs, ["heron", "gull"])
    assert choices(changed) == ["heron", "kite", "gull", CANNOT_TELL]
    root = ET.fromstring(changed)
    assert root.get("style") == "x"
    assert root.find("Header").get("value") == "Look & see"  # type: ignore[union-attr]
    assert next(root.iter("Choice")).get("hotkey") == "h"


def test_cannot_tell_is_offered_again_where_people_took_it_away() -> None:
    without = labelling_config(["heron"]).replace(f'<Choice value="{CANNOT_TELL}"/>', "")
    assert choices(with_classes(without, ["heron"])) == ["heron", CANNOT_TELL]


@pytest.mark.parametrize(
    "config",
    [
        "",
        "<View>",
        "<View/>",
        '<View><Text name="t" value="$text"/><Choices name="label" toName="t"><Choice value="a"/></Choices></View>',
        '<View><Image name="image" value="$url"/><Choices name="label" toName="image"/></View>',
        '<!DOCTYPE v [<!ENTITY a "b">]>' + labelling_config(["heron"]),
    ],
)
def test_another_s_configuration_is_refused(config: str) -> None:
    with pytest.raises(InputError, match="no project that askew made"):
        with_classes(config, ["heron"])


def test_a_class_cannot_be_called_cannot_tell() -> None:
    with pytest.raises(InputError, match="rename it"):
        labelling_config(["heron", CANNOT_TELL])
