from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import hub
from hub.cli import main
from hub.engine.predict import image_ids
from hub.errors import AnnotationError, ImageError
from hub.images import ResizeRule
from hub.model import Model
from hub.weights import save


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)  # another start may find nothing
    found: Model = hub.create(
        "faster-rcnn/resnet18-fpn", labels=hub.LabelSpace(("cat", "dog"), (17, 18)), channels=16,
        resize=ResizeRule(64, 64), score_thresh=0.0, detections_per_img=3,
    )  # fmt: skip
    return save(found, tmp_path_factory.mktemp("model") / "m.safetensors")


def picture(path: Path, *, height: int, width: int, exif: int | None = None) -> Path:
    pixels = np.random.default_rng(0).integers(0, 255, (height, width, 3), dtype=np.uint8)
    image = Image.fromarray(pixels)
    tags = Image.Exif()
    if exif is not None:
        tags[0x0112] = exif
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, exif=tags)
    return path


def test_a_folder_gives_drawings_and_a_coco_results_file(model: Path, tmp_path: Path) -> None:
    picture(tmp_path / "in/000000000139.jpg", height=40, width=60)
    picture(tmp_path / "in/deeper/000000000285.jpg", height=90, width=70)
    assert main(["predict", str(model), str(tmp_path / "in"), "--out", str(tmp_path / "out")]) == 0
    records = json.loads((tmp_path / "out/results.json").read_text())
    assert {r["image_id"] for r in records} == {139, 285}
    assert {r["category_id"] for r in records} <= {17, 18}
    for record in records:
        x, y, w, h = record["bbox"]
        height, width = (40, 60) if record["image_id"] == 139 else (90, 70)
        assert 0 <= x <= x + w <= width + 1e-2
        assert 0 <= y <= y + h <= height + 1e-2
    drawn = Image.open(tmp_path / "out/deeper/000000000285.png")
    assert drawn.size == (70, 90)


def test_boxes_and_drawings_follow_the_exif_orientation(model: Path, tmp_path: Path) -> None:
    turned = picture(tmp_path / "turned.jpg", height=40, width=80, exif=6)  # shown upright: 80 high, 40 wide
    found = hub.load(model).predict(turned).result
    assert found.size == (80, 40)
    assert len(found)
    assert found.boxes[:, 2].max() <= 40
    assert main(["predict", str(model), str(turned), "--out", str(tmp_path / "out")]) == 0
    assert Image.open(tmp_path / "out/turned.png").size == (40, 80)


def test_a_broken_image_is_reported_and_the_others_are_done(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture(tmp_path / "in/good.jpg", height=40, width=60)
    (tmp_path / "in/bad.jpg").write_bytes(b"no image")
    assert main(["predict", str(model), str(tmp_path / "in"), "--out", str(tmp_path / "out")]) == 1
    expected = capsys.readouterr()
    assert "bad.jpg cannot be decoded" in expected.err
    assert "1 of 2 images" in expected.out
    assert (tmp_path / "out/good.png").exists()


def test_a_missing_folder_and_an_empty_one_are_named(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", str(model), str(tmp_path / "none")]) == 2
    assert "none does not exist" in capsys.readouterr().err
    assert main(["predict", str(model), str(tmp_path)]) == 2
    assert "holds no image" in capsys.readouterr().err


def test_image_ids_come_from_names_or_an_annotation_file_or_a_count(tmp_path: Path) -> None:
    a, b = Path("x/000000000139.jpg"), Path("x/street.jpg")
    assert image_ids([a]) == {a: 139}
    assert image_ids([a, b]) == {a: 1, b: 2}
    source = tmp_path / "instances.json"
    source.write_text(json.dumps({"images": [{"id": 5, "file_name": "street.jpg"}]}))
    assert image_ids([b], source) == {b: 5}
    with pytest.raises(AnnotationError, match="000000000139"):
        image_ids([a], source)
    with pytest.raises(AnnotationError, match="is not COCO JSON"):
        image_ids([b], tmp_path / "none.json")


def test_one_image_or_many_in_python(model: Path, tmp_path: Path) -> None:
    loaded = hub.load(model)
    paths = [picture(tmp_path / f"{i}.png", height=30 + i, width=50) for i in range(3)]
    many = [p.result for p in loaded.predict(paths, batch_size=2, precision="fp32")]
    assert [r.size for r in many] == [(30, 50), (31, 50), (32, 50)]
    assert [r.image_id for r in many] == [str(p) for p in paths]
    arrays = [np.asarray(Image.open(p)) for p in paths]
    assert [p.result.image_id for p in loaded.predict(arrays, batch_size=2)] == [0, 1, 2]
    many[0].boxes += 1  # results are the user's to change
    many[0].boxes -= 1
    one = loaded.predict(np.asarray(Image.open(paths[0])), precision="fp32").result
    assert np.allclose(one.boxes, many[0].boxes, atol=1e-2)


@pytest.mark.parametrize("bad", [np.zeros((8, 8, 3)), np.zeros((8, 8, 4), np.uint8), np.zeros((0, 8, 3), np.uint8)])
def test_an_array_that_is_not_an_image_is_rejected(model: Path, bad: np.ndarray) -> None:
    with pytest.raises(ImageError, match="is no image for this model|the model takes uint8|has no pixels"):
        hub.load(model).predict(bad)


def test_drawings_of_one_name_keep_their_suffix_and_replace_no_image(model: Path, tmp_path: Path) -> None:
    for name in ("a.jpg", "a.bmp", "b.jpg", "c.png"):
        picture(tmp_path / name, height=40, width=60)
    before = (tmp_path / "c.png").read_bytes()
    assert main(["predict", str(model), str(tmp_path), "--out", str(tmp_path)]) == 0
    drawn = {path.name for path in tmp_path.iterdir()} - {"a.jpg", "a.bmp", "b.jpg", "c.png", "results.json"}
    assert drawn == {"a.jpg.png", "a.bmp.png", "b.png", "c.png.png"}
    assert (tmp_path / "c.png").read_bytes() == before
    records = json.loads((tmp_path / "results.json").read_text())
    assert {r["file_name"] for r in records} <= {"a.jpg", "a.bmp", "b.jpg", "c.png"}
