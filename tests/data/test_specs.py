from __future__ import annotations

import subprocess
import sys

import pytest

from hub.data import Dataset
from hub.data.formats.coco import Coco
from hub.data.formats.voc import Voc
from hub.registry import find


@pytest.mark.parametrize(("name", "target"), [("coco", Coco), ("voc", Voc)])
def test_formats_are_found_through_their_entry_points(name, target):
    assert find("datasets", name).target() is target
    assert issubclass(target, Dataset)
    assert "root" in target.Options.model_fields


def test_specs_import_no_torch():
    code = "import sys, hub.data.specs; print([m for m in ('torch', 'numpy', 'pydantic') if m in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


def test_every_public_name_of_the_package_is_there():
    import hub.data

    for name in hub.data.__all__:
        assert getattr(hub.data, name).__name__ == name
