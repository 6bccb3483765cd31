"""Files written by hand after what the tools' own pages document are read as what they are."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

pytest.importorskip("PIL")
pytest.importorskip("sqlalchemy")

from askew.errors import InputError
from askew.project.exchange.formats import read
from askew.project.exchange.rows import Box, Row, in_pixels


def put(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


COCO = {
    "info": {"description": "COCO 2017 Dataset", "year": 2017, "date_created": "2017/09/01"},
    "licenses": [{"url": "http://creativecommons.org/licenses/by-nc/2.0/", "id": 2, "name": "CC"}],
    "images": [
        {"license": 2, "file_name": "000000037777.jpg", "height": 230, "width": 352, "id": 37777},
        {"license": 2, "file_name": "000000087038.jpg", "height": 480, "width": 640, "id": 87038},
    ],
    "annotations": [
        {
            "segmentation": [[102.49, 118.47, 74.18, 117.05]],
            "area": 1481.38,
            "iscrowd": 0,
            "image_id": 37777,
            "bbox": [102.49, 118.47, 30.5, 20.25],
            "category_id": 64,
            "id": 22328,
        },
        {
            "segmentation": {"counts": [272, 2], "size": [230, 352]},
            "area": 3,
            "iscrowd": 1,
            "image_id": 37777,
            "bbox": [0, 0, 5, 5],
            "category_id": 72,
            "id": 900100,
        },
    ],
    "categories": [
        {"supercategory": "furniture", "id": 64, "name": "potted plant"},
        {"supercategory": "electronic", "id": 72, "name": "tv"},
    ],
}


def test_coco_object_detection(tmp_path: Path) -> None:
    put(tmp_path, **{"annotations/instances_val2017.json": json.dumps(COCO)})
    kind, content = read(tmp_path)
    assert kind == "coco"
    plant = Box("potted plant", 102.49, 118.47, 132.99, 138.72)
    assert content.rows == (
        Row("000000037777.jpg", "boxes", boxes=(plant,), size=(352, 230)),
        Row("000000087038.jpg", size=(640, 480)),
    )
    assert content.left_out == {"regions of crowds": 1}
    assert content.classes == ("potted plant", "tv")


def test_coco_camera_traps_have_the_class_of_a_picture(tmp_path: Path) -> None:
    document = {
        "info": {"version": "1.0"},
        "images": [{"id": "20110711_152238", "file_name": "s1/a.jpg", "location": "16", "seq_id": "6f"}],
        "categories": [{"id": 0, "name": "empty"}, {"id": 3, "name": "bobcat"}],
        "annotations": [
            {"id": "5a", "image_id": "20110711_152238", "category_id": 3, "sequence_level_annotation": False}
        ],
    }
    path = put(tmp_path, **{"traps.json": json.dumps(document)}) / "traps.json"
    assert read(path)[1].rows == (Row("s1/a.jpg", "class", "bobcat"),)


def test_coco_results_are_guesses(tmp_path: Path) -> None:
    document = {**COCO, "annotations": [{"image_id": 87038, "category_id": 72, "bbox": [1, 2, 3, 4], "score": 0.236}]}
    path = put(tmp_path, **{"found.json": json.dumps(document)}) / "found.json"
    row = read(path)[1].rows[1]
    assert (row.guess, row.boxes[0].score) == (True, 0.236)


CVAT = """<?xml version="1.0" encoding="utf-8"?>
<annotations>
  <version>1.1</version>
  <meta>
    <task>
      <id>4</id>
      <name>segmentation</name>
      <size>27</size>
      <mode>annotation</mode>
      <overlap>0</overlap>
      <bugtracker></bugtracker>
      <flipped>False</flipped>
      <created>2018-09-25 11:34:24.617558+03:00</created>
      <labels>
        <label>
          <name>car</name>
          <color>#c06060</color>
          <type>any</type>
          <attributes>
            <attribute><name>model</name><mutable>False</mutable><input_type>text</input_type></attribute>
          </attributes>
        </label>
        <label><name>night &amp; rain</name><attributes></attributes></label>
      </labels>
      <segments><segment><id>4</id><start>0</start><stop>26</stop><url>http://localhost:8080/?id=4</url></segment></segments>
      <owner><username>admin</username><email></email></owner>
    </task>
    <dumped>2018-09-25 11:38:11.640690+03:00</dumped>
  </meta>
  <image id="0" name="filename000.jpg" subset="default" task_id="4" width="1600" height="1200">
    <box label="car" source="manual" occluded="0" xtl="2.35" ytl="2.12" xbr="2.65" ybr="2.52" z_order="0">
      <attribute name="model">a</attribute>
    </box>
    <polygon label="car" occluded="0" points="1.95,2.05;2.30,2.10;2.20,2.40" z_order="1"></polygon>
    <box label="car" occluded="1" xtl="5" ytl="5" xbr="9" ybr="9" rotation="30.5" z_order="0"></box>
  </image>
  <image id="1" name="sub/filename001.jpg" width="1600" height="1200">
    <tag label="night &amp; rain" source="manual"></tag>
  </image>
  <image id="2" name="filename002.jpg" width="1600" height="1200">
  </image>
</annotations>
"""


@pytest.mark.parametrize("packed", [False, True])
def test_cvat_for_images(tmp_path: Path, packed: bool) -> None:
    path = tmp_path / "task.zip"
    if packed:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("annotations.xml", CVAT)
            archive.writestr("images/filename000.jpg", b"picture")
    else:
        path = put(tmp_path, **{"annotations.xml": CVAT}) / "annotations.xml"
    kind, content = read(path)
    assert kind == "cvat"
    assert content.rows == (
        Row("filename000.jpg", "boxes", boxes=(Box("car", 2.35, 2.12, 2.65, 2.52),), size=(1600, 1200)),
        Row("sub/filename001.jpg", "class", "night & rain", size=(1600, 1200)),
        Row("filename002.jpg", size=(1600, 1200)),
    )
    assert content.classes == ("car", "night & rain")
    assert content.left_out == {"shapes that are no boxes": 1, "boxes that are turned": 1}


def test_cvat_for_video_is_refused(tmp_path: Path) -> None:
    text = (
        '<annotations><track id="0" label="car"><box frame="0" xtl="1" ytl="1" xbr="2" ybr="2"/></track></annotations>'
    )
    with pytest.raises(InputError, match="is CVAT for video: export the task as CVAT for images"):
        read(put(tmp_path, **{"a.xml": text}) / "a.xml")


VOC = """<annotation>
	<folder>VOC2007</folder>
	<filename>000001.jpg</filename>
	<source><database>The VOC2007 Database</database><annotation>PASCAL VOC2007</annotation></source>
	<owner><flickrid>Fried Camels</flickrid><name>Jinky the Fruit Bat</name></owner>
	<size>
		<width>353</width>
		<height>500</height>
		<depth>3</depth>
	</size>
	<segmented>0</segmented>
	<object>
		<name>person</name>
		<pose>Left</pose>
		<truncated>1</truncated>
		<difficult>0</difficult>
		<bndbox>
			<xmin>8</xmin>
			<ymin>12</ymin>
			<xmax>352</xmax>
			<ymax>498</ymax>
		</bndbox>
		<part>
			<name>head</name>
			<bndbox><xmin>20</xmin><ymin>20</ymin><xmax>60</xmax><ymax>60</ymax></bndbox>
		</part>
	</object>
</annotation>
"""


def test_pascal_voc(tmp_path: Path) -> None:
    without = VOC[: VOC.index("\t<object>")] + "</annotation>\n"
    put(tmp_path, **{"Annotations/000001.xml": VOC, "Annotations/more/2.xml": without.replace("000001", "000002")})
    put(tmp_path, **{"ImageSets/Main/train.txt": "000001\n"})
    kind, content = read(tmp_path)
    assert kind == "voc"
    person = Box("person", 8, 12, 352, 498)
    assert content.rows == (
        Row("000001.jpg", "boxes", boxes=(person,), size=(353, 500)),
        Row("more/000002.jpg", "boxes", size=(353, 500)),
    )
    assert read(tmp_path / "Annotations" / "000001.xml")[1].rows == content.rows[:1]


def found(folder: Path) -> dict[str, tuple[str, ...]]:
    kind, content = read(folder)
    assert kind == "yolo"
    rows = [in_pixels(row, (100, 200)) for row in content.rows]
    return {row.name: tuple(f"{box.class_name} {box.sides}" for box in row.boxes) for row in rows}


LINES = "1 0.5 0.5 0.2 0.1\n0 0.25 0.25 0.5 0.5\n"
BOXES = ("dog (40.0, 90.0, 60.0, 110.0)", "cat (0.0, 0.0, 50.0, 100.0)")


def test_yolo_of_ultralytics(tmp_path: Path) -> None:
    put(
        tmp_path,
        **{
            "data.yaml": "path: ../datasets/pets\ntrain: images/train # 2 images\nval: images/val\n\nnames:\n"
            "  0: cat\n  1: dog\n  2: no\n",
            "images/train/a.jpg": "",
            "images/train/b.JPG": "",
            "images/val/c.png": "",
            "labels/train/a.txt": LINES,
            "labels/val/c.txt": "",
            "labels/train.cache": "",
        },
    )
    assert found(tmp_path) == {"train/a.jpg": BOXES, "val/c.png": ()}
    assert read(tmp_path)[1].classes == ("cat", "dog", "no")


def test_yolo_of_roboflow(tmp_path: Path) -> None:
    put(
        tmp_path,
        **{
            "README.roboflow.txt": "pets > 2024-01-01\n",
            "data.yaml": "train: ../train/images\nval: ../valid/images\n\nnc: 2\nnames: ['cat', 'dog']\n",
            "train/images/a_jpg.rf.0a1b.jpg": "",
            "train/labels/a_jpg.rf.0a1b.txt": LINES,
            "valid/labels/b.txt": "",
        },
    )
    assert found(tmp_path) == {"a_jpg.rf.0a1b.jpg": BOXES, "b": ()}


def test_yolo_of_darknet_as_cvat_writes_it(tmp_path: Path) -> None:
    put(
        tmp_path,
        **{
            "obj.data": "classes = 2\ntrain = data/train.txt\nnames = data/obj.names\nbackup = backup/\n",
            "obj.names": "cat\ndog\n",
            "train.txt": "data/obj_train_data/sub/a.png\ndata/obj_train_data/b.png\n",
            "obj_train_data/sub/a.txt": LINES,
            "obj_train_data/b.txt": "",
        },
    )
    assert found(tmp_path) == {"sub/a.png": BOXES, "b.png": ()}


def test_yolo_of_label_studio_and_of_labelimg(tmp_path: Path) -> None:
    studio = put(
        tmp_path / "studio",
        **{"classes.txt": "cat\ndog", "notes.json": "{}", "images/1f-a.jpg": "", "labels/1f-a.txt": LINES},
    )
    assert found(studio) == {"1f-a.jpg": BOXES}
    labelimg = put(tmp_path / "labelimg", **{"classes.txt": "cat\r\ndog\r\n", "a.txt": LINES, "a.jpg": ""})
    assert found(labelimg) == {"a": BOXES}


def test_yolo_with_confidences_are_guesses(tmp_path: Path) -> None:
    put(tmp_path, **{"classes.txt": "cat\ndog\n", "a.txt": "1 0.5 0.5 0.2 0.1 0.75\n"})
    (row,) = read(tmp_path)[1].rows
    assert (row.guess, row.boxes[0].score) == (True, 0.75)


def test_a_table_as_tensorflow_and_keras_examples_have_it(tmp_path: Path) -> None:
    text = (
        "filename,width,height,class,xmin,ymin,xmax,ymax\n"
        "b.jpg,100,200,dog,1,2,3,4\n"
        "a.jpg,100,200,cat,0,0,50,100\n"
        "b.jpg,100,200,cat,5,6,7,8\n"
    )
    kind, content = read(put(tmp_path, **{"labels.csv": text}) / "labels.csv")
    assert kind == "csv"
    assert content.rows == (
        Row("b.jpg", "boxes", boxes=(Box("dog", 1, 2, 3, 4), Box("cat", 5, 6, 7, 8)), size=(100, 200)),
        Row("a.jpg", "boxes", boxes=(Box("cat", 0, 0, 50, 100),), size=(100, 200)),
    )


def test_a_table_of_a_spreadsheet_with_semicolons_and_gaps(tmp_path: Path) -> None:
    text = '\ufeffImage;Label;Note\r\nä b.jpg;Käfer;x\r\n"c;d.jpg";;\r\n\'=e.jpg;unlabeled;\r\n'
    content = read(put(tmp_path, **{"labels.csv": text}) / "labels.csv")[1]
    assert content.rows == (Row("ä b.jpg", "class", "Käfer"), Row("c;d.jpg"), Row("=e.jpg"))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a.jpg,cat\n", "expected a line of names with a column file or file_name"),
        ("file,label,class\na.jpg,cat,dog\n", "label, class may all be the label: keep one"),
        ("file,label,left,top\na.jpg,cat,1,2\n", "a box needs the columns left, top, right, bottom"),
        ("file,label\na.jpg,cat,dog\n", "row 2 has 3 cells, the first has 2"),
        ("file,label,left,top,right,bottom\na.jpg,cat,1,2,x,4\n", "row 2: right: expected a number, got 'x'"),
        ("file,label,left,top,right,bottom\na.jpg,cat,5,2,1,4\n", "row 2: box .*: expected finite left <= right"),
        ("file,label,left,top,right,bottom\na.jpg,,5,2,1,4\n", "row 2: a box needs a label and four sides"),
        ("file,label\n,cat\n", "row 2: picture: its name is empty"),
        ("file,kind,label\na.jpg,maybe,cat\n", "row 2: kind 'maybe' has neither"),
        ("", "expected a line of names"),
    ],
)
def test_tables_that_are_refused(tmp_path: Path, text: str, why: str) -> None:
    path = put(tmp_path, **{"labels.csv": text}) / "labels.csv"
    with pytest.raises(InputError, match=why) as refused:
        read(path)
    assert str(refused.value).startswith(str(path))
    assert str(refused.value).count(str(path)) == 1


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ({"a.md": "# nothing"}, "holds none of the formats that are read: csv, coco, cvat"),
        ({"labels/a.txt": LINES}, "holds none of the formats"),
        ({"data.yaml": "names: {0: cat, 2: dog}", "labels/a.txt": LINES}, "names: expected the numbers from 0"),
        ({"data.yaml": "names: cat", "labels/a.txt": LINES}, "expected names: a list of texts"),
        ({"classes.txt": "cat\n", "labels/a.txt": LINES}, "a.txt: is of class 1, and there are names for 1"),
        ({"classes.txt": "cat\n", "labels/a.txt": "0 0.1 0.1 0.2 0.2 0.3 0.3\n"}, "expected a class from 0"),
        ({"classes.txt": "cat\n"}, "has no .txt files with boxes"),
    ],
)
def test_folders_that_are_refused(tmp_path: Path, files: dict[str, str], why: str) -> None:
    with pytest.raises(InputError, match=why):
        read(put(tmp_path / "in", **files))
