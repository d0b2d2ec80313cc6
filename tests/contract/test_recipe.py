from __future__ import annotations

import json

from hub import LabelSpace
from hub.contract import Recipe


def test_survives_a_checkpoint_header() -> None:
    recipe = Recipe(
        name="a+b/resnet18-fpn",
        labels={"a": LabelSpace.of(["cat"]), "b": LabelSpace(("sky", "road"), (7, 3))},
        heads={"a": {"rois": 4}},
        in_chans=1,
        norm="frozen",
        freeze=2,
        channels=32,
        neck={"top": "conv"},
    )
    assert Recipe.from_dict(json.loads(json.dumps(recipe.to_dict()))) == recipe
