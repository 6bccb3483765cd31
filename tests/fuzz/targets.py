"""What is fuzzed: every reader of files, with valid files to begin from."""

from __future__ import annotations

import gzip
import io
import json
import os
import pickle
import struct
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

Read = Callable[[Path], object]


@dataclass(frozen=True)
class Target:
    """A reader, the name that its file must have, and valid contents of that file."""

    file: str
    read: Read
    seeds: tuple[bytes, ...]


def targets() -> Mapping[str, Target]:
    """Returns every target by name; packages that are heavy to import are imported here."""
    return {
        **_arrays(),
        **_datasets(),
        **_frozen(),
        **_hub(),
        **_boxes(),
        **_films(),
        **_settings(),
        **_picks(),
        **_exchange(),
        **_project(),
    }


def _npy(array: Any) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def _npz(save: Callable[..., None] = np.savez, **arrays: Any) -> bytes:
    stream = io.BytesIO()
    save(stream, **arrays)
    return stream.getvalue()


def _touch(array: Any) -> object:
    """Reads what is mapped."""
    return np.array(array[:100]) if array.ndim else array


def _arrays() -> dict[str, Target]:
    import pyarrow
    import pyarrow.parquet

    from askew.data.columns import USUAL, begins_with_label, column, read_words
    from askew.data.tables import read_array, whole_numbers
    from askew.names import class_codes

    def words(path: Path) -> object:
        found = read_words("labels", path)
        is_row = begins_with_label(None, found.where)
        return class_codes(found.where, column(found, None, n_items=None, usual=USUAL, is_row=is_row)[0], None)

    p = np.random.default_rng(0).dirichlet(np.ones(3), 6)
    plain = [p, p.astype(">f4"), np.asfortranarray(p), np.arange(5), np.array(["cat", "dog"]), np.array([True, False])]

    def inside(path: Path) -> object:
        """Reads what was damaged as an array of an archive that is whole, which no checksum keeps out."""
        raw = path.read_bytes()
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("probs.npy", raw)
        return _touch(read_array("probs", path))

    def integers(path: Path) -> object:
        return whole_numbers("labels", path, read_array("labels", path))

    def parquet(**columns: Any) -> bytes:
        stream = io.BytesIO()
        pyarrow.parquet.write_table(pyarrow.table(columns), stream)
        return stream.getvalue()

    tables = (
        parquet(a=p[:, 0], b=p[:, 1]),
        parquet(a=[1, 2, 3]),
        parquet(a=np.arange(4), __index_level_0__=np.arange(4)),
    )
    numbers = b"0.5,0.25,0.25\n0.1,0.2,0.7\n1,0,0\n"
    return {
        "npy": Target("a.npy", lambda path: _touch(read_array("probs", path)), tuple(map(_npy, plain))),
        "npz": Target(
            "a.npz",
            lambda path: _touch(read_array("probs", path)),
            (_npz(probs=p), _npz(np.savez_compressed, probs=p, x=np.arange(3)), _npz(only=p)),
        ),
        "npz-inside": Target("a.npz", inside, tuple(map(_npy, plain))),
        "csv": Target(
            "a.csv",
            lambda path: read_array("probs", path),
            (
                numbers,
                b"cat;dog\n0,5;0,5\n1;0\n",
                b"cat,dog,emu\n" + numbers,
                b",a,b\n0,0.5,0.5\n1,1,0\n",
                b"0\n1\n-1\n",
                b'"a","b"\n"1","2"\n',
            ),
        ),
        "csv-integers": Target("a.csv", integers, (b"label\n0\n1\n", b"0\n1\n-1\n")),
        "columns-csv": Target(
            "a.csv", words, (b"file,label\na.jpg,cat\nb.jpg,\n", b"label\ncat\n\ndog\n", b",label\n0,2\n1,-1\n")
        ),
        "columns-text": Target("a.txt", words, (b"a.jpg\nb.jpg\n", b"cat\n\n-1\n")),
        "columns-parquet": Target("a.parquet", words, (parquet(label=["cat", None, "dog"]), parquet(a=[1, None]))),
        "parquet": Target("a.parquet", lambda path: read_array("probs", path), tables),
    }


def _pictures() -> list[bytes]:
    from PIL import Image

    found = []
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (9, 7, 3), dtype=np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6
    for mode, kind, more in (
        ("RGB", "JPEG", {"exif": exif}),
        ("L", "JPEG", {"progressive": True}),
        ("CMYK", "JPEG", {}),
        ("RGB", "PNG", {}),
        ("RGBA", "PNG", {}),
        ("P", "PNG", {"transparency": bytes(9)}),
        ("I;16", "PNG", {}),
        ("1", "PNG", {}),
        ("RGB", "BMP", {}),
        ("RGB", "WEBP", {}),
        ("P", "GIF", {}),
        ("RGB", "TIFF", {}),
        ("L", "TIFF", {}),
        ("RGB", "PPM", {}),
    ):
        stream = io.BytesIO()
        (noise.convert("L") if mode == "I;16" else noise).convert(mode).save(stream, kind, **more)  # type: ignore[arg-type]
        found.append(stream.getvalue())
    return found


def _datasets() -> dict[str, Target]:
    import torch
    from safetensors.torch import save

    from askew.data import cifar, fashion, npz, pictures
    from askew.data.dataset import Images
    from askew.learn import weights
    from askew.learn.model import SCALE, SHIFT, read_saved

    jpegs = _pictures()[:2]
    pixels, labels = np.arange(6 * 4 * 4, dtype=np.uint8).reshape(6, 4, 4), np.array([0, 1] * 3)
    idx = struct.pack(">4B3I", 0, 0, 8, 3, 2, 3, 4) + bytes(24)
    data = {b"data": np.zeros((2, 3072), np.uint8), b"labels": [0, 9], b"batch_label": b"one"}
    names = {b"label_names": [f"c{i}".encode() for i in range(10)]}
    tensors = {"model.layer.weight": torch.arange(6.0).reshape(2, 3), "model.layer.bias": torch.zeros(2)}

    scaled = {"head.weight": torch.zeros(2, 3), SCALE: torch.ones(1), SHIFT: torch.zeros(1)}
    model = save(scaled, {"askew": '{"backbone": "small-convnet", "n_classes": 2}'})

    def both(path: Path) -> object:
        return pictures.shorter_side(path), pictures.read_square(path, 8)

    def checkpoint(content: object, *, zipped: bool) -> bytes:
        stream = io.BytesIO()
        torch.save(content, stream, _use_new_zipfile_serialization=zipped)
        return stream.getvalue()

    return {
        "pictures": Target(
            "a.png", lambda path: (pictures.shorter_side(path), pictures.read_square(path, 8)), tuple(_pictures())
        ),
        "npz-images": Target(
            "a.npz",
            lambda path: npz.read(path, 0.2),
            (
                _npz(images=pixels, labels=labels),
                _npz(train_images=pixels, train_labels=labels[:, None], test_images=pixels, test_labels=labels),
                _npz(images=pixels / 255, labels=np.array(["cat", "dog"] * 3), is_test=labels),
                _npz(
                    jpeg=np.frombuffer(jpegs[0] * 4, np.uint8), offsets=len(jpegs[0]) * np.arange(5), labels=labels[:4]
                ),
            ),
        ),
        "npz-pool": Target(
            "a.npz",
            Images.of,
            (
                _npz(images=pixels),
                _npz(images=pixels / 255, labels=np.array(["cat", ""] * 3)),
                _npz(images=pixels, labels=labels - 1, classes=np.array(["cat", "dog"])),
                _npz(jpeg=np.frombuffer(jpegs[0] * 4, np.uint8), offsets=len(jpegs[0]) * np.arange(5)),
            ),
        ),
        "npy-pool": Target("a.npy", Images.of, (_npy(pixels), _npy(pixels / 255))),
        "idx": Target("train-images-idx3-ubyte", fashion.read_idx, (idx, gzip.compress(idx))),
        "cifar": Target(
            "data_batch_1",
            lambda path: cifar._batch(path, "cifar10"),
            tuple(pickle.dumps(data, protocol) for protocol in range(5)),
        ),
        "cifar-meta": Target(
            "batches.meta",
            lambda path: cifar._classes(path, "cifar10"),
            tuple(pickle.dumps(names, protocol) for protocol in range(5)),
        ),
        "weights": Target(
            "a.pth",
            weights.read,
            (
                checkpoint(tensors, zipped=True),
                checkpoint({"state_dict": tensors, "epoch": 3}, zipped=True),
                checkpoint(tensors, zipped=False),
            ),
        ),
        "safetensors": Target("a.safetensors", weights.read, (save(tensors),)),
        "model": Target("model.safetensors", read_saved, (model,)),
    }


def _frozen() -> dict[str, Target]:
    """What is read of frozen features: a file of them, a part of the cache, a saved head, a network."""
    from askew.learn import simsiam_file
    from askew.learn.features import KEY_BYTES, _Known, of_file
    from askew.learn.pretraining import pretrain
    from askew.learn.probe import LinearProbe
    from askew.learn.simsiam import Settings
    from askew.learn.sources import Source

    x = np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32)
    probe, keys = LinearProbe(2), [bytes([i] * KEY_BYTES) for i in range(6)]
    with tempfile.TemporaryDirectory() as folder:
        probe.fit(x, np.arange(6) % 2).save(Path(folder) / "probe")
        model = (Path(folder) / "probe").read_bytes()
        pixels, settings = np.arange(2 * 16 * 16 * 3, dtype=np.uint8).reshape(2, 16, 16, 3), Settings(1, 2, width=2)
        pretrain(pixels, Path(folder) / "net", backbone="small-convnet", settings=settings, device="cpu")
        network = (Path(folder) / "net").read_bytes()

    def file(path: Path) -> object:
        return of_file(Source.of(f"file:{path}")).unit

    def part(path: Path) -> object:
        np.save(path.with_name("a.keys.npy"), np.frombuffer(b"".join(keys), np.uint8).reshape(6, KEY_BYTES))
        known = _Known(path.parent, 3)
        return known.missing(keys) or known.rows(keys).array()

    return {
        "features": Target("a.npy", file, (_npy(x), _npy(x.astype(np.float64)), _npy(np.arange(6).reshape(2, 3)))),
        "features-part": Target("part/a.npy", part, (_npy(x),)),
        "probe": Target("probe.safetensors", probe.load, (model,)),
        "simsiam": Target("network.safetensors", simsiam_file.read, (network,)),
    }


def _hub() -> dict[str, Target]:
    """Data sets in the forms of Hugging Face's hub: pictures beside a table, and pictures in Parquet."""
    import pyarrow
    import pyarrow.parquet

    from askew.data.dataset import Images

    png, jpeg = _pictures()[3], _pictures()[0]

    def table(rows: list[dict[str, Any]], about: object = None) -> bytes:
        stream = io.BytesIO()
        made = pyarrow.Table.from_pylist(rows)
        if about is not None:
            made = made.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": about}})})
        pyarrow.parquet.write_table(made, stream)
        return stream.getvalue()

    def beside(path: Path) -> object:
        for name in ("a.png", "sub/b.png"):
            (path.parent / name).parent.mkdir(exist_ok=True)
            (path.parent / name).write_bytes(png)
        return Images.of(path.parent, side_px=8)

    def inside(path: Path) -> object:
        return Images.of(path, side_px=8)

    rows = [{"file_name": "a.png", "label": "cat"}, {"file_name": "sub/b.png", "label": None}]
    numbered = [{**row, "label": i} for i, row in enumerate(rows)]
    lines = b"".join(json.dumps(row).encode() + b"\n" for row in rows)
    pictures = [{"image": {"bytes": jpeg, "path": "a.jpg"}, "label": 1}, {"image": {"bytes": png}, "label": None}]
    names = {"image": {"_type": "Image"}, "label": {"names": ["cat", "dog"], "_type": "ClassLabel"}}
    return {
        "metadata-csv": Target(
            "hub-csv/metadata.csv", beside, (b"file_name,label\na.png,cat\nsub/b.png,\n", b"file_name,text\na.png,x\n")
        ),
        "metadata-jsonl": Target("hub-jsonl/metadata.jsonl", beside, (lines,)),
        "metadata-parquet": Target("hub-parquet/metadata.parquet", beside, (table(rows), table(numbered))),
        "parquet-pictures": Target(
            "a.parquet",
            inside,
            (
                table(pictures, names),
                table(pictures),
                table([{"img": jpeg, "class": "cat"}, {"img": png, "class": "dog"}]),
            ),
        ),
    }


def _boxes() -> dict[str, Target]:
    from askew.data import annotations
    from askew.data.film.labeled import read_labeled

    coco = {
        "videos": [{"id": 1, "name": "a"}],
        "images": [
            {"id": i, "file_name": f"{i:03}.jpg", "video_id": 1, "frame_id": i, "width": 64, "height": 48}
            for i in range(3)
        ],
        "categories": [{"id": 1, "name": "car"}, {"id": 2, "name": "bus"}],
        "annotations": [
            {"id": 1, "image_id": 0, "category_id": 1, "bbox": [1, 2, 3.5, 4], "score": 0.5, "probs": [0.5, 0.5, 0]},
            {"id": 2, "image_id": 2, "category_id": 2, "bbox": [0, 0, 10, 10], "score": 1, "probs": [0.25, 0.5, 0.25]},
        ],
    }
    plain = [{"image_id": 1, "category_id": 2, "bbox": [0, 0, 1e1, 5]}]
    single = {**coco, "images": [{"id": i, "file_name": f"{i}.jpg"} for i in range(3)], "annotations": plain}
    voc = (
        b"<annotation><filename>000001.jpg</filename><size><width>64</width><height>48</height></size>"
        b"<object><name>car</name><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>30</xmax><ymax>40</ymax></bndbox></object>"
        b"</annotation>"
    )
    declared = b'<?xml version="1.0" encoding="utf-8"?>\n' + voc
    mot = (
        b"1,-1,10,20,30,40,0.9\n2,-1,11,20,30,40,0.8\n",
        b"1,-1,10,20,30,40,0.9,-1,-1,-1\n",
        b"1,1,10,20,30,40,1,1,0.5\n3,2,5,5,9,9,0,2,1\n",
    )

    def yolo(path: Path) -> object:
        return annotations.read_yolo(path.parent, size=(64, 48))

    return {
        "coco": Target(
            "a.json", annotations.read_coco, (json.dumps(coco).encode(), json.dumps(single, indent=1).encode())
        ),
        "mot": Target("a.txt", annotations.read_mot, mot),
        "yolo": Target("yolo/frame_000001.txt", yolo, (b"0 0.5 0.5 0.25 0.25\n1 0.1 0.2 0.05 0.1 0.9\n", b"")),
        "yolo-classes": Target(
            "yolo-classes/classes.txt", _with_boxes(yolo), (b"car\nbus\n", "Käfer\r\n虫\r\n".encode())
        ),
        "voc": Target("voc/000001.xml", lambda path: annotations.read_voc(path.parent), (voc, declared)),
        "labeled": Target("a.csv", lambda path: read_labeled([path], {"clip": 5}), (b"video,frame\nclip,1\nclip,3\n",)),
    }


def _films() -> dict[str, Target]:
    os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(1 << 27))  # as the command line does
    import cv2

    from askew.data.film import flow_tracker, open_video
    from askew.files import output_folder

    def film(suffix: str, kind: str) -> bytes:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, f"film{suffix}")
            writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*kind), 10, (48, 32))
            for number in range(4):
                writer.write(np.full((32, 48, 3), 40 * number, np.uint8))
            writer.release()
            return path.read_bytes()

    def watch(path: Path) -> object:
        video = open_video(path)
        return len(video), video.seconds(), video.check()

    def follow(path: Path) -> object:
        return flow_tracker(path.parent).flow.shape

    def written(path: Path) -> object:
        """Reads the manifest of a folder that askew wrote, with a file beside it that it did not."""
        (path.parent / "mine").write_text("mine")
        with output_folder(path.parent, force=True) as folder:
            (folder / "new").write_text("new")
        assert (path.parent / "mine").read_text() == "mine"
        return (path.parent / "new").unlink()

    manifest = json.dumps({"written": {"new": [3, "0" * 64], "sub/a": [0, "1" * 64]}}).encode()
    return {
        "avi": Target("film.avi", watch, (film(".avi", "MJPG"),)),
        "mp4": Target("film.mp4", watch, (film(".mp4", "mp4v"),)),
        "frames": Target("frames/0.png", follow, tuple(_pictures()[3:6])),
        "manifest": Target("written/.askew-written.json", written, (manifest,)),
    }


def _with_boxes(read: Read) -> Read:
    def both(path: Path) -> object:
        (path.parent / "frame_000001.txt").write_text("0 0.5 0.5 0.25 0.25\n1 0.1 0.2 0.05 0.1 0.9\n")
        return read(path)

    return both


def _settings() -> dict[str, Target]:
    from importlib import resources

    from askew.data.doubts import VERSION, read_doubt
    from askew.experiment import study
    from askew.experiment.about import FILE, About, read_about
    from askew.experiment.ledger import Cycle, Header, open_ledger, read_ledger
    from askew.video.doubt import FEATURES

    presets = resources.files("askew.experiment") / "presets"
    texts = tuple(entry.read_bytes() for entry in presets.iterdir() if entry.name.endswith(".toml"))
    header = Header("entropy+balance", "entropy", 0, 3, 2, (1, 2), balance={"weight": 0.5})
    cycles = (Cycle(0, 2, {"accuracy": 0.5}, (1, 1, 0), (3, 7), (2, 0)), Cycle(1, 4, {"accuracy": 0.75}, (2, 1, 1)))
    doubt = {
        "askew": "doubt",
        "version": VERSION,
        "features": list(FEATURES),
        "weights": [0.5, -1, 2, 0],
        "n_frames": 9,
    }
    with tempfile.TemporaryDirectory() as folder:
        with open_ledger(Path(folder), header) as ledger:
            for cycle in cycles:
                ledger.append(cycle)
        written = (Path(folder) / "ledger.jsonl").read_bytes()
        About("desk", "digits", ("0", "1"), 300, 100, {"name": "desk"}, versions={}, machine={}).write(Path(folder))
        about = (Path(folder) / FILE).read_bytes()
    return {
        "doubt": Target("doubt.json", read_doubt, (json.dumps(doubt).encode(), json.dumps(doubt, indent=2).encode())),
        "toml": Target("a.toml", lambda path: study.read(str(path)), texts),
        "ledger": Target("ledger.jsonl", read_ledger, (written,)),
        "about": Target(FILE, lambda path: read_about(path.parent), (about,)),
    }


def _picks() -> dict[str, Target]:
    """Greedy picking on features with ties, of any scale and dtype; the file is only where its random numbers begin."""
    from askew.query import query

    def pick(path: Path) -> object:
        rng = np.random.default_rng(list(path.read_bytes()[:64]))
        n_items, n_dims, n = int(rng.integers(1, 60)), int(rng.integers(1, 5)), int(rng.integers(1, 12))
        normal = rng.normal(size=(n_items, n_dims))
        kinds = [normal, normal.round(), np.sign(normal), np.zeros_like(normal), np.eye(n_items)[:, :n_dims]]
        features = kinds[rng.integers(len(kinds))] * 10.0 ** rng.integers(-40, 40)
        features[rng.integers(n_items)] *= 10.0 ** rng.choice([0, 0, 5, 25])
        with np.errstate(all="ignore"):
            features = features.astype(rng.choice(["f2", "f4", "f8", ">f4", ">f8", "g"]))
        probs = rng.dirichlet(np.ones(3), n_items).astype(rng.choice(["f4", "f8"]))
        labels = np.where(rng.random(n_items) < rng.choice([0, 0.3]), rng.integers(0, 3, n_items), -1)
        balance = rng.choice([0, 0.1, 10, 1e3, 1e6])
        more = {} if rng.random() < 0.4 else {"balance": float(balance), "probs": probs}
        picked = query("kcenter", n, features=features, labels=labels, seed=0, **more)  # type: ignore[arg-type]
        assert len(set(picked.tolist())) == n
        assert (labels[picked] == -1).all()
        return picked

    return {"kcenter": Target("a.bin", pick, (bytes(8), b"%" * 8))}


def _exchange() -> dict[str, Target]:
    """Labels of other tools, read as what they are recognised as, and as what their ending says."""
    from askew.project.exchange import coco, csv_file, cvat, formats, voc, yolo
    from askew.project.exchange.rows import Box, Content, Row

    said = {"size": (40, 30), "who": "ada", "at": "2026-01-02T03:04:05Z", "hash": "ab" * 32}
    boxes = (Box.of("car", (1, 2, 3, 4.5)), Box.of("Käfer & <虫>", (0, 0, 40, 30)))
    guess = (Box.of("car", (1, 2, 3, 4), 0.5),)
    rows = (
        Row("=1+1.jpg", "class", "car", **said),  # type: ignore[arg-type]
        Row("sub/a b.jpg", "boxes", boxes=boxes, **said),  # type: ignore[arg-type]
        Row("b.jpg", "boxes", boxes=guess, guess=True, size=(40, 30)),
        Row("c.jpg", "cannot_tell"),
        Row("d.jpg"),
    )
    everything, boxed = Content(rows, ("car", "bus")), Content((rows[1],))
    plain = b"filename,width,height,class,xmin,ymin,xmax,ymax\na.jpg,40,30,car,1,2,3,4\n"

    def recognised(path: Path) -> object:
        return formats.read(path)

    def zipped(content: Mapping[str, str]) -> bytes:
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w") as archive:
            for name, text in content.items():
                archive.writestr(name, text)
        return stream.getvalue()

    def beside(path: Path) -> object:
        (path.parent / "labels").mkdir(exist_ok=True)
        (path.parent / "labels" / "a.txt").write_text("0 0.5 0.5 0.25 0.25\n1 0.1 0.2 0.05 0.1 0.9\n")
        return yolo.read(path.parent)

    def below(path: Path) -> object:
        (path.parent / "classes.txt").write_text("car\nbus\n")
        return yolo.read(path.parent)

    written = yolo.write(boxed)
    texts = {"csv": csv_file.write(everything), "coco": coco.write(everything), "cvat": cvat.write(everything)}
    return {
        "labels-csv": Target("labels-csv/a.csv", csv_file.read, (texts["csv"].encode(), plain)),
        "labels-coco": Target("labels-coco/a.json", coco.read, (texts["coco"].encode(),)),
        "labels-cvat": Target("labels-cvat/a.xml", cvat.read, (texts["cvat"].encode(),)),
        "labels-voc": Target("labels-voc/a.xml", voc.read, tuple(map(str.encode, voc.write(boxed).values()))),
        "labels-any": Target("labels-any/a", recognised, (*map(str.encode, texts.values()), plain)),
        "labels-zip": Target("labels-zip/a.zip", recognised, (zipped(written), zipped({"a.csv": texts["csv"]}))),
        "labels-yolo": Target("labels-yolo/a.txt", below, tuple(map(str.encode, list(written.values())[2:]))),
        "labels-yolo-names": Target(
            "labels-yolo-names/data.yaml", beside, (written["data.yaml"].encode(), b"names: [a, b]\n")
        ),
    }


def _project() -> dict[str, Target]:
    from askew.project import config, existing, items, labels, questions
    from askew.project.folder import create
    from askew.project.labels import Answer
    from askew.project.scan import scan
    from askew.project.store import Store, class_names, sqlite_url

    with tempfile.TemporaryDirectory() as folder:
        photos = Path(folder) / "photos"
        photos.mkdir()
        for i, picture in enumerate(_pictures()):
            (photos / f"{i}.png").write_bytes(picture)
        project = create(Path(folder) / "birds", images=[photos], classes=["gull", "=1+1"])
        scan(project.store, [photos], test_share=0.5)
        questions.put(project.store, [questions.NewQuestion(1, 0.5, "why")], strategy="x", n_labeled=0, seed=0)
        labels.record(project.store, [Answer(1, "class", "gull", who="ann"), Answer(2, "cannot_tell")])
        project.close()
        store = (project.folder / "store.sqlite").read_bytes()
        settings = (project.folder / config.FILE).read_bytes()

    def read_store(path: Path) -> object:
        opened = Store.open(sqlite_url(path))
        try:
            opened.check()
            return class_names(opened), items.all_items(opened), labels.history(opened)
        finally:
            opened.close()

    def read_table(path: Path) -> object:
        return existing.of_table(path, [Path("/p")], ["/p/a.png", "/p/b/c.png"]).classes()

    tables = (b"file,label\na.png,gull\n/p/b/c.png,'=1\n", b'path;class\n"../a.png";"x"\n')
    return {
        "project-settings": Target(config.FILE, lambda path: config.read(path.parent), (settings,)),
        "project-store": Target("store.sqlite", read_store, (store,)),
        "project-labels": Target("labels.csv", read_table, tables),
    }
