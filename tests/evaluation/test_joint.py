"""Several metrics combined: prefixed names, one main metric, merged part by part."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from typing import Any

from hub.contract import Evaluation, Result
from hub.evaluation import JointMetric


class Count:
    """The fraction of ten images that were added."""

    def __init__(self) -> None:
        self.seen = 0

    def update(self, results: Sequence[Result]) -> None:
        self.seen += len(results)

    def merge(self, others: Sequence[Any]) -> None:
        self.seen += sum(other.seen for other in others)

    def compute(self) -> Evaluation:
        return Evaluation(
            {"share": self.seen / 10}, main="share", per_class={"cat": {"share": self.seen / 10}}, units={"share": "mm"}
        )


def test_metrics_get_their_prefix_and_parts_are_merged() -> None:
    one, other = (JointMetric({"box": Count(), "mask": Count()}, main="mask") for _ in range(2))
    one.update([Result(image_id=1, size=(2, 2))])
    other.update([Result(image_id=2, size=(2, 2)), Result(image_id=3, size=(2, 2))])
    one.merge([pickle.loads(pickle.dumps(other))])
    found = one.compute()
    assert found.metrics == {"box_share": 0.3, "mask_share": 0.3}
    assert found.main == "mask_share"
    assert found.units == {"box_share": "mm", "mask_share": "mm"}
    assert found.per_class == {"cat": {"box_share": 0.3, "mask_share": 0.3}}
