"""Images of 16 bits, from their files through training to prediction by a loaded checkpoint."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

import hub
from hub.contract.dataset import Dataset
from hub.data.loading.loader import eval_loader
from hub.data.loading.pipeline import Pipeline
from hub.data.transforms import Transform
from hub.engine.build import build_model, open_dataset
from hub.engine.config import parse_config
from hub.errors import PixelFormatError
from hub.model import Model
from hub.pixel_format import PixelFormat
from hub.weights import save

TWELVE = PixelFormat("float32", (0.0, 4095.0))


def write_folder(root: Path, *, deep: bool = True) -> Path:
    rng = np.random.default_rng(0)
    for name, level in (("dark", 200), ("bright", 2500)):
        (root / name).mkdir(parents=True)
        for number in range(2):
            values = rng.integers(level, level + 800, (40, 50, 3), dtype=np.uint16)
            cv2.imwrite(str(root / name / f"{number}.png"), values if deep else (values >> 4).astype(np.uint8))
    return root


def open_folder(root: Path, **options: object) -> Dataset:
    return open_dataset({"format": "image-folder", **options}, root=str(root), where="data.train")


def model_for(*data: Dataset) -> Model:
    config = parse_config(
        {
            "model": {"name": "classification/resnet18", "resize": {"shortest": 64, "longest": 80}},
            "train": {"steps": 2, "schedule": "cosine"},
        },
        source="a test",
    )
    return build_model(config, data, pretrained=False)


@pytest.fixture(scope="module")
def deep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("deep"))


@pytest.fixture(scope="module")
def shallow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("shallow"), deep=False)


def test_twelve_bits_reach_the_network_and_the_checkpoint(deep: Path, tmp_path: Path) -> None:
    data = open_folder(deep, value_range=[0, 4095])
    assert data.pixels == TWELVE
    model = model_for(data)
    assert model.preprocessing.pixels == TWELVE
    pipeline = Pipeline(data, Transform(), needs={"class"}, pixels=model.preprocessing.pixels)
    batch = next(iter(eval_loader(pipeline, batch_size=2)))
    assert batch.images.dtype == torch.float32
    assert batch.value_range == (0.0, 4095.0)
    normalized = model.preprocessing.normalize(batch.images, batch.sizes)[:, :, :40, :50]
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in (model.preprocessing.mean, model.preprocessing.std))
    back = ((normalized * std + mean) * 4095).round().to(torch.int64)
    assert torch.equal(back, batch.images[:, :, :40, :50].to(torch.int64)), "no two values become one"
    model.train()(batch)

    loaded = hub.load(save(model, tmp_path / "model.safetensors"))
    assert loaded.preprocessing == model.preprocessing
    path = deep / "dark" / "0.png"
    array = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)[..., ::-1]
    from_file = next(iter(loaded.predict(path).values()))
    from_array = next(iter(loaded.predict(np.ascontiguousarray(array)).values()))
    assert torch.equal(from_file.scores, from_array.scores)


def test_data_of_another_kind_are_refused(deep: Path, shallow: Path) -> None:
    sixteen, twelve, eight = open_folder(deep), open_folder(deep, value_range=[0, 4095]), open_folder(shallow)
    model = model_for(twelve)
    for other, message in ((sixteen, r"float32 \(0 to 65535\) pixels, but the model takes float32 \(0 to 4095\)"),
                           (eight, r"uint8 \(0 to 255\) pixels")):  # fmt: skip
        with pytest.raises(PixelFormatError, match=message):
            Pipeline(other, Transform(), pixels=model.preprocessing.pixels)
    with pytest.raises(PixelFormatError, match="read as uint8, but float32 is wanted"):
        model.predict(shallow / "dark" / "0.png")
    with pytest.raises(PixelFormatError, match="more than 8 bits"):
        model_for(eight).predict(deep / "dark" / "0.png")
    with pytest.raises(PixelFormatError, match="has uint8.*pixels, but .* float32"):
        model_for(eight, twelve)


def test_one_image_of_another_kind_in_a_dataset_is_named(tmp_path: Path) -> None:
    root = write_folder(tmp_path)
    cv2.imwrite(str(root / "dark" / "1.png"), np.zeros((40, 50, 3), np.uint8))
    with pytest.raises(PixelFormatError, match=r"1\.png is read as uint8, but float32 is wanted"):
        open_folder(root).load(3, frozenset())


def test_images_of_five_bands(tmp_path: Path) -> None:
    tifffile = pytest.importorskip("tifffile", reason="the optional dependency tifffile is not installed")
    values = np.random.default_rng(0).integers(0, 9000, (5, 40, 50), dtype=np.uint16)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        tifffile.imwrite(tmp_path / name / "1.tif", values, photometric="minisblack", planarconfig="separate")
    data = open_folder(tmp_path, value_range=[0, 10000])
    config = parse_config(
        {"model": {"name": "classification/resnet18", "in_chans": 5}, "train": {"steps": 2, "schedule": "cosine"}},
        source="a test",
    )
    model = build_model(config, [data], pretrained=False)
    batch = next(iter(eval_loader(Pipeline(data, Transform(), in_chans=5), batch_size=2)))
    assert np.array_equal(batch.images[0, :, :40, :50].numpy(), values)
    model.eval()(batch)
    with pytest.raises(PixelFormatError, match=r"1\.tif has 5 channels, but 3 are wanted"):
        data.load(0, frozenset())
