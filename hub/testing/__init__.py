"""Checks for plugin authors.

The test of a task plugin is one line::

    from hub.testing import check_task

    def test_contract():
        check_task("my-head")
"""

from hub.testing.dataset import IMAGE_SIZE, TinyDataset
from hub.testing.distributions import distribution
from hub.testing.tasks import check_task

__all__ = ["IMAGE_SIZE", "TinyDataset", "check_task", "distribution"]
