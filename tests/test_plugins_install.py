"""Installed plugins: a folder with modules and metadata on the path, as pip creates it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager, ExitStack
from itertools import permutations
from pathlib import Path

import pytest

import hub
from hub.errors import AmbiguousNameError, BrokenPluginError, ContractError, UnknownNameError
from hub.registry import entries, find, refresh
from hub.testing import distribution

SPEC = """
from hub import TaskSpec
spec = TaskSpec(name="{name}", kind="detection", summary="by {by}", target="{module}_head:Head")
"""


def plugin(
    folder: Path,
    name: str,
    *tasks: str,
    source: str | None = None,
    contract: int = 1,
    version: str = "1.0",
    group: str = "tasks",
) -> AbstractContextManager[Path]:
    """A distribution with tasks; ``source`` is the module of the spec, by default a valid one."""
    module = name.replace("-", "_")
    files: Mapping[str, str] = {
        f"{module}.py": SPEC.format(name=tasks[0], by=name, module=module) if source is None else source,
        f"{module}_head.py": "class Head: pass",
    }
    points = dict.fromkeys(tasks, f"{module}:spec")
    return distribution(
        folder / f"{name}-{version}",
        name,
        version=version,
        files=files,
        entry_points={f"backbone_hub.{group}.v{contract}": points},
    )


def test_an_installed_plugin_is_found(tmp_path: Path) -> None:
    with plugin(tmp_path, "My-Plugin", "my-head"):
        assert "my-head" in hub.list()
        entry = hub.info("my-head")
        assert (entry.id, entry.version) == ("my_plugin:my-head", "1.0")
        assert entry.spec().summary == "by My-Plugin"
        assert entry.target().__name__ == "Head"
    assert "my-head" not in hub.list()


def test_stages(tmp_path: Path) -> None:
    """Listing imports nothing, the spec does not import the head."""
    with plugin(tmp_path, "lazy-plugin", "lazy-head"):
        assert "lazy-head" in hub.list()
        entry = hub.info("lazy-head")
        assert "lazy_plugin" not in sys.modules
        entry.spec()
        assert "lazy_plugin" in sys.modules
        assert "lazy_plugin_head" not in sys.modules
        entry.target()
        assert "lazy_plugin_head" in sys.modules


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("import no_such_package", "ModuleNotFoundError"),
        ("raise ImportError('needs a newer torch')", "ImportError: needs a newer torch"),
        ("def broken(:", "SyntaxError"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("1 / 0", "ZeroDivisionError"),
        ("", "AttributeError"),
    ],
)
def test_a_broken_plugin_breaks_only_its_own_use(tmp_path: Path, source: str, kind: str) -> None:
    with plugin(tmp_path, "bad-plugin", "bad-head", source=source), plugin(tmp_path, "good-plugin", "good-head"):
        assert {"bad-head", "good-head", "faster-rcnn"} <= set(hub.list())
        assert find("tasks", "good-head").spec().summary == "by good-plugin"
        with pytest.raises(BrokenPluginError, match=kind) as caught:
            find("tasks", "bad-head").spec()
        assert "bad_plugin:bad-head is installed but broken" in str(caught.value)
        assert "hub plugins doctor" in str(caught.value)
        assert caught.value.__cause__ is not None


NECK = "from hub import NeckSpec\nspec = NeckSpec(name='x', summary='', target='a:b')"


@pytest.mark.parametrize("source", ["spec = 'a string'", NECK])
def test_a_spec_of_the_wrong_type(tmp_path: Path, source: str) -> None:
    with (
        plugin(tmp_path, "odd-plugin", "odd-head", source=source),
        pytest.raises(BrokenPluginError, match="not a TaskSpec"),
    ):
        find("tasks", "odd-head").spec()


def test_ctrl_c_during_an_import_is_not_a_broken_plugin(tmp_path: Path) -> None:
    with (
        plugin(tmp_path, "slow-plugin", "slow-head", source="raise KeyboardInterrupt"),
        pytest.raises(KeyboardInterrupt),
    ):
        find("tasks", "slow-head").spec()


@pytest.mark.parametrize("order", list(permutations(("alpha", "beta", "gamma"))))
def test_two_of_a_name_are_used_by_their_ids_in_any_order(tmp_path: Path, order: tuple[str, ...]) -> None:
    with ExitStack() as stack:
        for name in order:
            stack.enter_context(plugin(tmp_path, name, "shared" if name != "gamma" else "single"))
        with pytest.raises(AmbiguousNameError, match="alpha:shared and beta:shared"):
            find("tasks", "shared")
        with pytest.raises(AmbiguousNameError, match="alpha:shared and beta:shared"):
            hub.info("shared")
        assert find("tasks", "beta:shared").spec().summary == "by beta"
        assert hub.list("*shared") == ["alpha:shared", "beta:shared"]
        assert hub.list("single") == ["single"]
        ours = [e.id for e in entries("tasks") if e.distribution in order]
        assert ours == ["alpha:shared", "beta:shared", "gamma:single"]


def test_a_first_party_name_keeps_its_meaning(tmp_path: Path) -> None:
    with plugin(tmp_path, "aaa-usurper", "faster-rcnn"):
        assert find("tasks", "faster-rcnn").id == "backbone_hub:faster-rcnn"
        assert find("tasks", "aaa_usurper:faster-rcnn").spec().summary == "by aaa-usurper"
        assert hub.list("*faster-rcnn") == ["aaa_usurper:faster-rcnn", "faster-rcnn"]


def test_one_name_in_two_groups_is_not_a_collision(tmp_path: Path) -> None:
    with plugin(tmp_path, "two-plugin", "two"), plugin(tmp_path, "neck-plugin", "two", group="necks"):
        assert find("tasks", "two").id == "two_plugin:two"
        assert find("necks", "two").id == "neck_plugin:two"


def test_another_version_of_the_contract_is_seen_but_never_imported(tmp_path: Path) -> None:
    with plugin(tmp_path, "future-plugin", "future-head", source="raise SystemExit", contract=2):
        assert "future-head" in hub.list()
        with pytest.raises(ContractError, match="written for version 2"):
            find("tasks", "future-head")
        with pytest.raises(ContractError, match="written for version 2"):
            hub.info("future_plugin:future-head")
        assert "future_plugin" not in sys.modules


def test_another_version_of_the_contract_is_ignored(tmp_path: Path) -> None:
    with (
        plugin(tmp_path, "future-plugin", "some-head", contract=2),
        plugin(tmp_path, "today-plugin", "some-head"),
    ):
        assert find("tasks", "some-head").id == "today_plugin:some-head"


def test_switches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with plugin(tmp_path, "one-plugin", "one-head"), plugin(tmp_path, "two-plugin", "two-head"):
        monkeypatch.setenv("HUB_PLUGINS", "One.Plugin")
        assert {"one-head", "faster-rcnn"} <= set(hub.list())
        assert "two-head" not in hub.list()
        with pytest.raises(UnknownNameError):
            find("tasks", "two-head")
        monkeypatch.setenv("HUB_DISABLE_PLUGINS", "1")
        assert "one-head" not in hub.list()
        assert "faster-rcnn" in hub.list()
        monkeypatch.setenv("HUB_DISABLE_PLUGINS", "0")
        monkeypatch.delenv("HUB_PLUGINS")
        assert {"one-head", "two-head"} <= set(hub.list())


def test_a_shadowed_older_version_announces_nothing(tmp_path: Path) -> None:
    """Two versions on the path: Python imports the first one, so the first one's entry points count."""
    with (
        plugin(tmp_path, "my-plugin", "old-name", version="1.0"),
        plugin(tmp_path, "my-plugin", "new-name", version="2.0"),
    ):
        assert [(e.name, e.version) for e in entries("tasks") if e.distribution == "my_plugin"] == [("new-name", "2.0")]


@pytest.mark.parametrize(
    "files",
    [
        {},  # half an uninstall: the folder is left
        {"METADATA": ""},
        {"entry_points.txt": "[backbone_hub.tasks.v1]\nx = y:z\n"},
        {"METADATA": "Name: odd\nVersion: 1\n", "entry_points.txt": "[backbone_hub.tasks.v1]\nno equals sign\n"},
        {"METADATA": "Name: odd\nVersion: 1\n", "entry_points.txt": "[backbone_hub.tasks.v1]\nx = \n"},
    ],
)
def test_damaged_metadata_of_other_distributions_are_ignored(
    tmp_path: Path, files: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "odd-1.dist-info"
    folder.mkdir()
    for name, text in files.items():
        (folder / name).write_text(text)
    with monkeypatch.context() as patch:
        patch.syspath_prepend(tmp_path)
        refresh()
        assert "faster-rcnn" in hub.list()
    refresh()


def test_a_plugin_of_a_backbone_is_used_by_create(tmp_path: Path) -> None:
    source = """
import torch
from hub import BackboneSpec
spec = BackboneSpec(name="tiny_net", summary="two convolutions", target="tiny_plugin:tiny")

def tiny(pretrained=False, in_chans=3):
    net = torch.nn.ModuleList([torch.nn.Conv2d(in_chans, 4, 2, 4), torch.nn.Conv2d(4, 6, 2, 2)])
    def forward(x):
        first = net[0](x)
        return [first, net[1](first)]
    net.forward = forward
    return net
"""
    with plugin(tmp_path, "tiny-plugin", "tiny_net", "resnet18", source=source, group="backbones"):
        trunk = hub.create("tiny_net", in_chans=5)
        assert (trunk.channels, trunk.strides) == ({"c2": 4, "c3": 6}, {"c2": 4, "c3": 8})
        assert hub.create("tiny_plugin:tiny_net-fpn", channels=8).channels["p6"] == 8
        assert hub.create("resnet18").channels["c5"] == 512, "timm's names cannot be taken over"
        with pytest.raises(UnknownNameError, match="has no pretrained tag 'in1k'"):
            hub.create("tiny_net.in1k")
        with pytest.raises(UnknownNameError, match="Did you mean tiny_net"):
            hub.create("tinynet")
