"""Mixed samples do not depend on the number of workers, and are the same in a resumed run."""

from __future__ import annotations

from itertools import islice
from typing import Any

import pytest
import torch

from hub.contract.batch import Batch
from hub.data.formats.shapes import Shapes, ShapesOptions
from hub.data.loading.loader import train_loader
from hub.data.loading.pipeline import Pipeline
from hub.data.loading.sampler import GroupedBatchSampler
from hub.data.transforms import Transform

STEPS = [
    {"name": "horizontal_flip"},
    {"name": "color_jitter"},
    {"name": "albumentations", "of": "CLAHE", "clip_limit": 4},
    {"name": "albumentations", "of": "ElasticTransform", "p": 1.0},
    {"name": "mosaic", "size": [96, 96]},
    {"name": "affine", "translate": 0.1, "low": 0.5, "high": 1.5},
    {"name": "copy_paste"},
    {"name": "rand_augment"},
    {"name": "random_erasing", "low": 0.02, "high": 0.1},
]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Shapes:
    return Shapes(ShapesOptions(root=str(tmp_path_factory.mktemp("data") / "shapes"), train=8, val=1, size=64))


def flat(value: Any) -> list[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        return [value]
    values = value.values() if isinstance(value, dict) else vars(value).values()
    return [t for v in values if isinstance(v, torch.Tensor | dict) or hasattr(v, "boxes") for t in flat(v)]


@pytest.mark.parametrize(
    ("steps", "without"),
    [(STEPS, {"class", "labels"}), ([{"name": "cutmix", "p": 0.7}], set())],
    ids=["yolo", "cutmix"],
)
def test_mixtures_are_the_same_for_any_number_of_workers(
    steps: list[dict[str, Any]], without: set[str], dataset: Shapes
) -> None:
    tagless = dataset.provides - without
    pipeline = Pipeline(dataset, Transform.parse(steps), needs=tagless, seed=3)
    sampler = GroupedBatchSampler(dataset.sizes, batch_size=4, seed=7)

    def batches(**options: int) -> list[Batch]:
        return [step.batch for step in islice(train_loader(pipeline, sampler, **options), 3)]

    alone = batches()
    for other in (batches(workers=2), [alone[0], *batches(workers=1, start_step=1)[:2]]):
        for one, two in zip(alone, other, strict=True):
            assert len(flat(one)) == len(flat(two)) > 5
            assert all(torch.equal(a, b) for a, b in zip(flat(one), flat(two), strict=True))
