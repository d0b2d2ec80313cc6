"""Look up plugins by name."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import hub
from hub import BackboneSpec, DatasetSpec, TaskSpec, registry
from hub.errors import BrokenPluginError, ContractError, MissingRequirementError, UnknownNameError
from hub.registry import Entry, entries, find


@pytest.fixture(autouse=True)
def _take_back() -> Iterator[None]:
    yield
    for entry in registry.entries():
        if entry.distribution == registry.LOCAL:
            registry.unregister(entry.name)


def task(name: str = "my-head", target: str = "collections:OrderedDict", **options: object) -> TaskSpec:
    return TaskSpec(name=name, kind="detection", summary="mine", target=target, **options)  # type: ignore[arg-type]


def test_first_party_plugins_are_entry_points_like_any_other() -> None:
    assert {"faster-rcnn", "fpn", "coco", "voc", "shapes"} <= set(hub.list())
    entry = hub.info("faster-rcnn")
    assert (entry.id, entry.group, entry.version) == ("backbone_hub:faster-rcnn", "tasks", hub.__version__)
    assert entry.value == "hub_detection.specs:faster_rcnn"


@pytest.mark.parametrize("id", ["backbone_hub:faster-rcnn", "backbone-hub:faster-rcnn", "Backbone.Hub:faster-rcnn"])
def test_canonical_ids_in_any_spelling_of_the_distribution(id: str) -> None:
    assert find("tasks", id).id == hub.info(id).id == "backbone_hub:faster-rcnn"


def test_list_by_pattern_and_kind() -> None:
    assert hub.list("*er-rcnn") == ["faster-rcnn"]
    assert "fpn" in hub.list(kind="necks")
    assert "fpn" not in hub.list(kind="tasks")
    assert hub.list("nothing*") == []
    with pytest.raises(UnknownNameError, match="Did you mean tasks"):
        hub.list(kind="task")


def test_list_of_backbones_is_timms() -> None:
    import timm

    brought = {entry.name for entry in entries("backbones")}  # by plugins that happen to be installed
    assert [name for name in hub.list(kind="backbones") if name not in brought] == sorted(timm.list_models())
    assert hub.list("resnet1?", kind="backbones") == ["resnet18"]


def test_unknown_names_suggest_and_explain_editable_installs() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean faster-rcnn") as caught:
        find("tasks", "faster-rcn")
    assert "editable install" in str(caught.value)
    assert "pip install" in str(caught.value)
    with pytest.raises(UnknownNameError, match="Did you mean faster-rcnn"):
        hub.info("faster_rcnn")


def test_missing_requirement_prints_the_pip_line() -> None:
    needs = {"surely_not_installed.part": "pip install surely-not-installed"}
    hub.register(task(requires=needs))
    with pytest.raises(MissingRequirementError, match="pip install surely-not-installed"):
        find("tasks", "my-head").target()
    hub.register(task(requires={"json": "pip install json"}))
    find("tasks", "my-head").target()


@pytest.mark.parametrize(
    ("target", "cause"),
    [
        ("no_such_module:X", ModuleNotFoundError),
        ("collections:NoSuch", AttributeError),
        ("json.no:X", ModuleNotFoundError),
    ],
)
def test_a_broken_target_is_raised_on_use_with_its_cause(target: str, cause: type[Exception]) -> None:
    hub.register(task(target=target))
    with pytest.raises(BrokenPluginError, match="local:my-head cannot import") as caught:
        find("tasks", "my-head").target()
    assert isinstance(caught.value.__cause__, cause)


@pytest.mark.parametrize("name", ["", "My-Head", "my head", "a/b", "a:b", "-a", "a-", "ä"])
def test_names_that_the_grammar_could_not_read_are_refused(name: str) -> None:
    with pytest.raises(ContractError, match="not a plugin name"):
        task(name)


@pytest.mark.parametrize("target", ["", "module", "module:", ":attribute", "module.attribute", "a b:c"])
def test_bad_targets(target: str) -> None:
    with pytest.raises(ContractError, match="not 'module:attribute'"):
        DatasetSpec(name="mine", summary="", target=target)


def test_a_backbone_name_with_a_dash_is_refused() -> None:
    with pytest.raises(ContractError, match="'my_net'"):
        BackboneSpec(name="my-net", summary="", target="a:B")


@pytest.mark.parametrize("summary", ["two\nlines", "\x1b[31mred\x1b[0m", "a\ttab"])
def test_a_summary_is_one_plain_line(summary: str) -> None:
    with pytest.raises(ContractError, match="not one plain line"):
        DatasetSpec(name="mine", summary=summary, target="a:B")


def test_entry_ids_are_unique() -> None:
    ids = [(e.group, e.id, e.contract) for e in registry.entries()]
    assert len(ids) == len(set(ids)) >= 5


def test_spec_of_another_contract() -> None:
    entry = Entry("tasks", "old-head", "old_plugin", "0.1", "nothing:here", contract=7)
    with pytest.raises(ContractError, match=r"old_plugin:old-head is written for version 7 .* this hub has version 1"):
        entry.spec()
