from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import pytest

import hub
from hub.contract import parse_options
from hub.engine.build import build_model, training_transform
from hub.engine.config import Config, load_config, parse_config, resolve_config
from hub.errors import ConfigError
from hub.pixel_format import PixelFormat
from hub.registry import find

ROOT = Path(__file__).parents[2]
CONFIGS = sorted((ROOT / "configs").rglob("*.yaml"))


def need_plugin(path: Path) -> None:
    """Skip where a config says that it needs a plugin, ``plugins/NAME``, and that is not installed."""
    if named := re.search(r"[Nn]eeds plugins/([\w-]+)", path.read_text().split("model:")[0]):
        try:
            metadata.version(f"backbone-hub-{named[1]}")
        except metadata.PackageNotFoundError:
            pytest.skip(f"it needs plugins/{named[1]}: pip install -e plugins/{named[1]}")


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


@pytest.fixture
def minimal(tmp_path: Path) -> Path:
    return write(
        tmp_path / "mine.yaml",
        "model: {name: faster-rcnn/resnet18-fpn}\ntrain: {steps: 10, schedule: {name: multistep, milestones: [8]}}\n",
    )


def test_every_shipped_config_is_valid_and_states_its_launch_command() -> None:
    assert len(CONFIGS) == 32
    for path in CONFIGS:
        assert isinstance(load_config(path), Config)
        header = path.read_text().split("model:")[0]
        assert f"hub train {path.relative_to(ROOT)}" in header
        assert re.search(r"^# Measured( on .*)?: \S", header, re.MULTILINE), "the header states the measured result"


@pytest.mark.parametrize("path", CONFIGS, ids=lambda p: p.stem)
def test_every_shipped_config_builds_its_model(path: Path) -> None:
    need_plugin(path)
    config = load_config(path, ["model.pretrained=false"])
    labels = hub.LabelSpace.of(["cat", "dog"])
    data = SimpleNamespace(
        pixels=PixelFormat(),
        name="data",
        reader=None,
        label_spaces=dict.fromkeys(("instances", "semantic", "panoptic", "class", "labels"), labels),
    )
    model = build_model(config, [data])  # type: ignore[list-item]
    assert model.recipe.name == config.model.name
    assert all(labels.names == ("cat", "dog") for labels in model.labels.values())
    assert len(training_transform(config.data.transforms, model).steps) == len(config.data.transforms or [])
    for declared in (config.data.train, config.data.val):
        assert isinstance(declared, dict)
        section = {k: v for k, v in declared.items() if k not in ("batches_per_cycle", "transforms")}
        options = {k: v for k, v in section.items() if k != "format"}
        parse_options(find("datasets", section["format"]).target().Options, {"root": "x", **options}, owner="data")


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("train.batsh=3", ["train.batsh", "Did you mean batch"]),
        ("modle.name=x", ["modle", "Did you mean model"]),
        ("model.resize.shortst=3", ["model.resize.shortst", "Did you mean shortest"]),
        ("train.lr=fast", ["train.lr", "fast"]),
        ("train.lr=-1", ["train.lr"]),
        ("train.schedule=cosin", ["train.schedule: unknown schedule 'cosin'. Did you mean cosine?"]),
        ("train.optimizer={name: sdg}", ["unknown optimizer 'sdg'. Did you mean sgd?"]),
        ("train.optimizer={momentum: 0}", ["train.optimizer has no name"]),
        ("train.loggers=[consol]", ["train.loggers: unknown logger 'consol'. Did you mean console?"]),
        ("model.norm=layer", ["model.norm", "'batch'"]),
    ],
)
def test_a_wrong_key_or_value_names_the_file_and_the_fix(minimal: Path, override: str, said: list[str]) -> None:
    with pytest.raises(ConfigError) as error:
        load_config(minimal, [override])
    for words in [str(minimal), *said]:
        assert words in str(error.value)


def test_a_missing_key_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="'model.name' is missing"):
        load_config(write(tmp_path / "c.yaml", "model: {}\ntrain: {steps: 1, schedule: constant}\n"))


@pytest.mark.parametrize("text", ["model: [", "just words", "- a list", ""])
def test_other_than_a_mapping_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match=r"c\.yaml"):
        load_config(write(tmp_path / "c.yaml", text))


def test_a_missing_file_suggests_its_neighbour(minimal: Path) -> None:
    with pytest.raises(ConfigError, match=r"Did you mean mine\.yaml"):
        load_config(minimal.with_name("mien.yaml"))


@pytest.mark.parametrize("override", ["train.batch", "=3", "train.batch.size=3"])
def test_a_malformed_override_is_refused(minimal: Path, override: str) -> None:
    with pytest.raises(ConfigError):
        load_config(minimal, ["train.batch=2", override])


def test_overrides_are_yaml_values(minimal: Path) -> None:
    config = load_config(minimal, ["train.lr=1e-3", "data.train={format: coco}", "model.channels=64"])
    assert (config.train.lr, config.data.train, config.model.channels) == (1e-3, {"format": "coco"}, 64)


def test_saved_config_reads_back_equal(minimal: Path, tmp_path: Path) -> None:
    config = load_config(minimal, ["train.clip=5"])
    config.save(tmp_path / "out.yaml", header="hub train mine.yaml")
    assert load_config(tmp_path / "out.yaml") == config


def test_the_default_data_are_the_generated_shapes(minimal: Path) -> None:
    data = load_config(minimal).data
    assert data.train["format"] == data.val["format"] == "shapes"


def test_shipped_configs_are_found_from_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("quickstart", "configs/quickstart.yaml", "quickstart.yaml"):
        assert resolve_config(name).is_file()
    assert resolve_config("nothing") == Path("nothing")


def test_parse_names_its_source() -> None:
    with pytest.raises(ConfigError, match="elsewhere"):
        parse_config({}, source="elsewhere")


@pytest.mark.parametrize(
    ("name", "override", "expected"),
    [
        ("faster-rcnn_resnet50-fpn_1x", "train.steps=600", (600, None, [400, 550], 60, 50)),
        ("faster-rcnn_resnet50-fpn_1x", "train.epochs=6", (None, 6, [8, 11], 500, 1)),  # its own unit changes nothing
        ("configs/coco/faster-rcnn_resnet50-fpn_1x", "train.lr=0.1", (None, 12, [8, 11], 500, 1)),
    ],
)
def test_one_override_changes_the_length_of_a_shipped_config(
    name: str, override: str, expected: tuple[object, ...]
) -> None:
    train = load_config(resolve_config(name), [override]).train
    assert isinstance(train.schedule, dict)
    found = (train.steps, train.epochs, train.schedule["milestones"], train.warmup, train.evaluate_every)
    assert found == expected


def test_the_changed_length_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", "hub"):
        load_config(resolve_config("faster-rcnn_resnet50-fpn_1x"), {"train.steps": 600})
    assert "steps 600 instead of epochs 12, milestones 400, 550, warmup 60, evaluate_every 50" in caplog.text
