"""Weights from a file, and failed downloads. Nothing here uses the network."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import nn

import hub
from hub.backbones import timm_body
from hub.backbones.online import check_download
from hub.errors import CheckpointError, CheckpointMismatchError, DownloadError, UnknownNameError

X = torch.randn(1, 3, 64, 96, generator=torch.Generator().manual_seed(0))


def randomized(name: str, **options: Any) -> nn.Module:
    """Return a timm model with weights and statistics that differ from newly initialized ones."""
    torch.manual_seed(7)
    net = timm.create_model(name, **options).eval()
    for buffer in net.buffers():
        if buffer.is_floating_point():
            buffer.uniform_(0.5, 1.5)
    return net


@pytest.fixture
def weights(tmp_path: Path) -> Callable[[str], Path]:
    def save(name: str) -> Path:
        path = tmp_path / f"{name}.safetensors"
        save_file({k: v.contiguous() for k, v in randomized(name).state_dict().items()}, path)
        return path

    return save


@pytest.mark.parametrize("name", ["resnet18", "mobilenetv3_large_100", "densenet121", "convnext_atto"])
def test_a_file_gives_timms_own_features(name: str, weights: Callable[[str], Path]) -> None:
    path = weights(name)
    oracle = timm.create_model(
        name, features_only=True, pretrained=True, pretrained_cfg_overlay={"file": str(path)}
    ).eval()
    full = randomized(name)
    trunk = hub.create(name, pretrained=path).eval()
    with torch.no_grad():
        features = list(trunk(X).values())
        assert len(features) >= 4
        for ours, theirs in zip(features, oracle(X), strict=True):
            assert torch.equal(ours, theirs)
        if name in ("resnet18", "convnext_atto"):
            # In these models only a norm separates the last feature map from the model's own features.
            torch.testing.assert_close(features[-1].shape, full.forward_features(X).shape)


def test_the_weights_are_those_of_the_file(weights: Callable[[str], Path]) -> None:
    trunk = hub.create("resnet18-fpn", pretrained=weights("resnet18"), levels=("c5",)).eval()
    with torch.no_grad():
        assert torch.equal(trunk(X)["c5"], randomized("resnet18").forward_features(X))


def test_a_torch_file_with_a_wrapped_state_dict(tmp_path: Path) -> None:
    torch.save({"state_dict": randomized("resnet18").state_dict(), "epoch": 3}, tmp_path / "w.pth")
    trunk = hub.create("resnet18", pretrained=str(tmp_path / "w.pth")).eval()
    with torch.no_grad():
        assert torch.equal(trunk(X)["c5"], randomized("resnet18").forward_features(X))


@pytest.mark.parametrize("in_chans", [1, 4])
def test_first_layers_are_adapted_as_in_timm(in_chans: int, weights: Callable[[str], Path]) -> None:
    path = weights("resnet18")
    trunk = hub.create("resnet18", pretrained=path, in_chans=in_chans)
    oracle = timm.create_model(
        "resnet18", pretrained=True, pretrained_cfg_overlay={"file": str(path)}, in_chans=in_chans
    )
    assert torch.equal(trunk.body.net.conv1.weight, oracle.conv1.weight)


def test_provenance_of_a_file(weights: Callable[[str], Path]) -> None:
    path = weights("resnet18")
    trunk = hub.create("resnet18.tv_in1k", pretrained=path)
    assert (trunk.provenance.tag, trunk.provenance.source) == ("tv_in1k", str(path))
    assert str(path) in str(trunk.provenance)
    unnamed = hub.create("resnet18", pretrained=path).provenance
    assert (unnamed.tag, unnamed.license) == (None, None), "the origin of a file without a tag is unknown"


def test_provenance_of_random_weights() -> None:
    provenance = hub.create("resnet18").provenance
    assert provenance.source == "random"
    assert str(provenance) == "resnet18, random weights"


@pytest.mark.parametrize(
    ("name", "other"), [("resnet34", "resnet18"), ("resnet18", "convnext_atto"), ("resnet50", "resnet18")]
)
def test_another_models_weights_are_rejected(name: str, other: str, weights: Callable[[str], Path]) -> None:
    """timm itself loads the weights that fit, without a warning."""
    with pytest.raises(CheckpointMismatchError, match=f"{other}.* does not hold weights of {name}"):
        hub.create(name, pretrained=weights(other))


def test_a_larger_models_weights_give_a_warning(
    weights: Callable[[str], Path], caplog: pytest.LogCaptureFixture
) -> None:
    """A ResNet-34 file has all weights of a ResNet-18, but loading it is probably a mistake."""
    hub.create("resnet18", pretrained=weights("resnet34"))
    assert "17 of 37 layers of" in caplog.text
    caplog.clear()
    hub.create("resnet18", pretrained=weights("resnet18"))
    assert "layers" not in caplog.text


@pytest.mark.parametrize("name", ["cut.safetensors", "cut.pth"])
def test_truncated_files(name: str, tmp_path: Path) -> None:
    state = randomized("resnet18").state_dict()
    path = tmp_path / name
    save_file(state, path) if path.suffix == ".safetensors" else torch.save(state, path)
    path.write_bytes(path.read_bytes()[:100_000])
    with pytest.raises(CheckpointError, match=f"cannot read weights from .*{name}"):
        hub.create("resnet18", pretrained=path)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="do not exist"):
        hub.create("resnet18", pretrained=tmp_path / "no.safetensors")


def test_files_never_run_code(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (tmp_path / "ran",)

    torch.save({"state_dict": Evil()}, tmp_path / "evil.pth")
    with pytest.raises(CheckpointError):
        hub.create("resnet18", pretrained=tmp_path / "evil.pth")
    assert not (tmp_path / "ran").exists()


def test_no_weights_in_it(tmp_path: Path) -> None:
    torch.save({"epoch": 1}, tmp_path / "odd.pth")
    with pytest.raises(CheckpointError, match="contains no tensors"):
        hub.create("resnet18", pretrained=tmp_path / "odd.pth")


@pytest.fixture
def download(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], None]:
    """Replace timm's downloaders by a function that returns a state dict or raises an error."""

    def replace(outcome: Any) -> None:
        def fetch(*_: Any, **__: Any) -> Any:
            if isinstance(outcome, Exception):
                raise outcome
            return outcome

        monkeypatch.setattr(timm_body, "check_download", lambda name, **address: None)
        monkeypatch.setattr("timm.models._builder.load_state_dict_from_hf", fetch)
        monkeypatch.setattr("timm.models._builder.load_state_dict_from_url", fetch)

    return replace


class LocalEntryNotFoundError(FileNotFoundError, ValueError):
    """The error of the downloader without a network; it derives from `FileNotFoundError`, but no path is missing."""


ERRORS = (
    ConnectionError("no route"),
    OSError("proxy says no"),
    LocalEntryNotFoundError("offline"),
    RuntimeError("hash"),
    TypeError("odd"),
)


@pytest.mark.parametrize("error", ERRORS, ids=lambda e: type(e).__name__)
def test_the_error_of_a_failed_download_names_the_fix(error: Exception, download: Callable[[Any], None]) -> None:
    download(error)
    with pytest.raises(DownloadError, match=r"cannot download the pretrained weights of resnet18\.a1_in1k") as caught:
        hub.create("resnet18-fpn", pretrained=True)
    assert str(error) in str(caught.value)
    assert "path/to/file.safetensors" in str(caught.value)
    assert caught.value.__cause__ is error


def test_the_default_tag_is_recorded_and_logged(
    download: Callable[[Any], None], caplog: pytest.LogCaptureFixture
) -> None:
    download(randomized("resnet18").state_dict())
    with caplog.at_level(logging.INFO, logger="hub"):
        trunk = hub.create("resnet18", pretrained=True)
    assert trunk.provenance.tag == "a1_in1k"
    assert trunk.provenance.source == "timm/resnet18.a1_in1k"
    assert trunk.provenance.license
    assert "a1_in1k" in caplog.text


def test_a_tag_has_its_own_preprocessing(download: Callable[[Any], None], caplog: pytest.LogCaptureFixture) -> None:
    download(randomized("resnet50").state_dict())
    with caplog.at_level(logging.INFO, logger="hub"):
        trunk = hub.create("resnet50.tv_in1k", pretrained=True)
    assert trunk.provenance.tag == "tv_in1k"
    assert not caplog.records, "the tag was given"
    cfg = timm.get_pretrained_cfg("resnet50.tv_in1k")
    assert (trunk.preprocessing.mean, trunk.preprocessing.std) == (cfg.mean, cfg.std)


def test_unknown_tag_and_model() -> None:
    with pytest.raises(UnknownNameError, match="resnet18 has no pretrained tag 'tv_in2k'.* Did you mean tv_in1k"):
        hub.create("resnet18.tv_in2k")
    with pytest.raises(UnknownNameError, match="unknown backbone 'resnet5O'.* Did you mean resnet50"):
        hub.create("resnet5O-fpn")


def test_a_model_without_weights_to_download() -> None:
    name = next(n for n in timm.list_models("resnet*") if not timm.list_pretrained(f"{n}.*"))
    with pytest.raises(UnknownNameError, match="no pretrained weights"):
        hub.create(name, pretrained=True)


@pytest.fixture
def no_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An empty cache of weights, and no proxy."""
    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", lambda repo, file: None)
    monkeypatch.setattr("hub.backbones.online.getproxies", dict)


@pytest.mark.parametrize("variable", ["HUB_OFFLINE", "HF_HUB_OFFLINE"])
@pytest.mark.usefixtures("no_cache")
def test_offline_fails_without_asking_the_network(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "1")
    monkeypatch.setattr("socket.create_connection", lambda *a, **k: pytest.fail("asked the network"))
    with pytest.raises(DownloadError, match=r"huggingface.co/timm/resnet18.a1_in1k: downloads are off"):
        hub.create("resnet18", pretrained=True)


@pytest.mark.usefixtures("no_cache")
def test_an_unreachable_host_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{closed.getsockname()[1]}")
        asked: list[object] = []
        real = socket.create_connection
        monkeypatch.setattr("socket.create_connection", lambda *a, **k: (asked.append(a), real(*a, **k))[1])
        with pytest.raises(DownloadError, match="http://127.0.0.1"):
            hub.create("resnet18", pretrained=True)
    assert len(asked) == 1


@pytest.mark.usefixtures("no_cache")
def test_a_cached_file_needs_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", lambda repo, file: f"/cache/{repo}/{file}")
    check_download("resnet18.a1_in1k", url=None, hub_id="timm/resnet18.a1_in1k")
