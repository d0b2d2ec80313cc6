"""What a model predicts for one image: the result of each of its heads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from hub.contract.results import Result
from hub.errors import OptionError


class Prediction(Mapping[str, Result]):
    """The results for one image, head → result, in the order of the model's heads.

    A model with one head and a model with several return the same type. With one head, ``prediction.result`` is a
    shorter way to write ``prediction["faster-rcnn"]``.

    >>> prediction = Prediction({"panoptic": Result(image_id=7, size=(4, 6))})
    >>> prediction["panoptic"] is prediction.result, list(prediction)
    (True, ['panoptic'])
    """

    def __init__(self, results: Mapping[str, Result]) -> None:
        self._results = dict(results)

    @property
    def result(self) -> Result:
        """The result of the only head.

        Raises:
            OptionError: the model has several heads; the message names them.
        """
        if len(self._results) != 1:
            raise OptionError(
                f"the prediction has a result for each of {len(self._results)} heads: {', '.join(self._results)}",
                fix=f"choose one, as in prediction[{next(iter(self._results), 'head')!r}]",
            )
        return next(iter(self._results.values()))

    def __getitem__(self, head: str) -> Result:
        return self._results[head]

    def __iter__(self) -> Iterator[str]:
        return iter(self._results)

    def __len__(self) -> int:
        return len(self._results)

    def __repr__(self) -> str:
        return f"Prediction({self._results!r})"
