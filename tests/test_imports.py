"""The modules that `import hub` and the listing load, tested in separate processes."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("torch", "torchvision", "timm", "numpy", "cv2", "PIL", "pydantic", "yaml", "rich", "pycocotools")


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    return done.stdout


@pytest.mark.parametrize(
    "code",
    [
        "import hub",
        "import hub; hub.list(); hub.info('faster-rcnn'); hub.LabelSpace.of(['a'])",
        "import hub; hub.list('resnet*', kind='backbones')",
        "import hub; [entry.spec() for entry in hub.registry.entries() if entry.distribution == 'backbone_hub']",
        "import sys, hub.cli; sys.stdout = open('/dev/null', 'w'); hub.cli.main(['list']); sys.stdout = sys.__stdout__",
    ],
)
def test_nothing_heavy_is_loaded_and_nothing_is_printed(code: str) -> None:
    check = f"import sys; print([name for name in {HEAVY!r} if name in sys.modules])"
    assert run(f"{code}; {check}") == "[]\n"


def test_listing_imports_no_plugin() -> None:
    code = "import sys, hub; hub.list(); hub.info('faster-rcnn'); print('hub_detection' in sys.modules)"
    assert run(code) == "False\n"


def test_an_unknown_attribute_is_an_attribute_error() -> None:
    import hub

    with pytest.raises(AttributeError, match="no attribute 'creat'"):
        hub.creat  # noqa: B018
    assert set(hub.__all__) <= set(dir(hub))
