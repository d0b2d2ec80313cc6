"""The settings of detectron2's configuration that matter for inference and training of an R-CNN, with its defaults."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hub.errors import CheckpointMismatchError

# Base-RCNN-FPN.yaml on top of detectron2/config/defaults.py, https://github.com/facebookresearch/detectron2.
_DEFAULTS: dict[str, object] = {
    "INPUT.FORMAT": "BGR",
    "INPUT.MIN_SIZE_TEST": 800,
    "INPUT.MAX_SIZE_TEST": 1333,
    "TEST.DETECTIONS_PER_IMAGE": 100,
    "MODEL.PIXEL_MEAN": [103.53, 116.28, 123.675],
    "MODEL.PIXEL_STD": [1.0, 1.0, 1.0],
    "MODEL.BACKBONE.FREEZE_AT": 2,
    "MODEL.RESNETS.NORM": "FrozenBN",
    "MODEL.RESNETS.STRIDE_IN_1X1": True,
    "MODEL.FPN.NORM": "",
    "MODEL.ANCHOR_GENERATOR.SIZES": [[32], [64], [128], [256], [512]],
    "MODEL.ANCHOR_GENERATOR.ASPECT_RATIOS": [[0.5, 1.0, 2.0]],
    "MODEL.ANCHOR_GENERATOR.OFFSET": 0.0,
    "MODEL.RPN.IN_FEATURES": ["p2", "p3", "p4", "p5", "p6"],
    "MODEL.RPN.PRE_NMS_TOPK_TRAIN": 2000,
    "MODEL.RPN.PRE_NMS_TOPK_TEST": 1000,
    "MODEL.RPN.POST_NMS_TOPK_TRAIN": 1000,
    "MODEL.RPN.POST_NMS_TOPK_TEST": 1000,
    "MODEL.RPN.NMS_THRESH": 0.7,
    "MODEL.RPN.IOU_THRESHOLDS": [0.3, 0.7],
    "MODEL.RPN.BATCH_SIZE_PER_IMAGE": 256,
    "MODEL.RPN.POSITIVE_FRACTION": 0.5,
    "MODEL.ROI_HEADS.IN_FEATURES": ["p2", "p3", "p4", "p5"],
    "MODEL.ROI_HEADS.IOU_THRESHOLDS": [0.5],
    "MODEL.ROI_HEADS.BATCH_SIZE_PER_IMAGE": 512,
    "MODEL.ROI_HEADS.POSITIVE_FRACTION": 0.25,
    "MODEL.ROI_HEADS.SCORE_THRESH_TEST": 0.05,
    "MODEL.ROI_HEADS.NMS_THRESH_TEST": 0.5,
    "MODEL.ROI_BOX_HEAD.POOLER_TYPE": "ROIAlignV2",
    "MODEL.ROI_BOX_HEAD.POOLER_SAMPLING_RATIO": 0,
    "MODEL.ROI_BOX_HEAD.NORM": "",
    "MODEL.ROI_BOX_HEAD.BBOX_REG_WEIGHTS": [10.0, 10.0, 5.0, 5.0],
    "MODEL.ROI_BOX_HEAD.BBOX_REG_LOSS_TYPE": "smooth_l1",
    "MODEL.ROI_BOX_HEAD.SMOOTH_L1_BETA": 0.0,
    "MODEL.ROI_MASK_HEAD.POOLER_TYPE": "ROIAlignV2",
    "MODEL.ROI_MASK_HEAD.POOLER_SAMPLING_RATIO": 0,
    "MODEL.ROI_MASK_HEAD.POOLER_RESOLUTION": 14,
    "MODEL.ROI_MASK_HEAD.NORM": "",
}
# Settings that the hub's Faster and Mask R-CNN have at these values only.
_FIXED: dict[str, object] = {
    "MODEL.META_ARCHITECTURE": "GeneralizedRCNN",
    "MODEL.BACKBONE.NAME": "build_resnet_fpn_backbone",
    "MODEL.PROPOSAL_GENERATOR.NAME": "RPN",
    "MODEL.ROI_HEADS.NAME": "StandardROIHeads",
    "MODEL.FPN.FUSE_TYPE": "sum",
    "MODEL.RESNETS.RES5_DILATION": 1,
    "MODEL.RESNETS.DEFORM_ON_PER_STAGE": [False, False, False, False],
    "MODEL.RPN.BBOX_REG_WEIGHTS": [1.0, 1.0, 1.0, 1.0],
    "MODEL.ROI_BOX_HEAD.USE_SIGMOID_CE": False,
    "MODEL.KEYPOINT_ON": False,
}


class Detectron2Config:
    """Typed access to a configuration, by dotted names.

    Args:
        config: parsed from YAML; may lack any setting.

    Attributes:
        assumed: the settings that were read but are not in the configuration, with their default values.

    Raises:
        CheckpointMismatchError: a setting has a value that the hub cannot represent.

    >>> config = Detectron2Config({"MODEL": {"RPN": {"NMS_THRESH": 0.6}}})
    >>> config.number("MODEL.RPN.NMS_THRESH"), config.number("MODEL.RPN.POSITIVE_FRACTION"), config.assumed
    (0.6, 0.5, {'MODEL.RPN.POSITIVE_FRACTION': 0.5})
    """

    def __init__(self, config: Mapping[str, object]) -> None:
        self.config = config
        self.assumed: dict[str, object] = {}
        for name, supported in _FIXED.items():
            value = self._given(name)
            if value is not None and value != supported:
                raise CheckpointMismatchError(
                    f"the configuration has {name} = {value!r}, but the hub's R-CNN only supports {supported!r}",
                    fix="convert a Faster or Mask R-CNN with a ResNet-FPN",
                )

    def number(self, name: str) -> float:
        """Return a number."""
        value = self._get(name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self._wrong(name, value, "a number")
        return float(value)

    def integer(self, name: str) -> int:
        """Return an integer."""
        value = self._get(name)
        if isinstance(value, bool) or not isinstance(value, int):
            raise self._wrong(name, value, "an integer")
        return value

    def flag(self, name: str) -> bool:
        """Return a truth value."""
        value = self._get(name)
        if not isinstance(value, bool):
            raise self._wrong(name, value, "true or false")
        return value

    def text(self, name: str) -> str:
        """Return a string."""
        value = self._get(name)
        if not isinstance(value, str):
            raise self._wrong(name, value, "a string")
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a list of strings."""
        value = self._get(name)
        if isinstance(value, str) or not isinstance(value, Sequence) or not all(isinstance(v, str) for v in value):
            raise self._wrong(name, value, "a list of strings")
        return tuple(value)

    def numbers(self, name: str) -> tuple[float, ...]:
        """Return a list of numbers."""
        return self._numbers(name, self._get(name))

    def number_lists(self, name: str) -> tuple[tuple[float, ...], ...]:
        """Return a list of lists of numbers."""
        value = self._get(name)
        if isinstance(value, str) or not isinstance(value, Sequence):
            raise self._wrong(name, value, "a list of lists")
        return tuple(self._numbers(name, part) for part in value)

    def _numbers(self, name: str, value: object) -> tuple[float, ...]:
        if isinstance(value, str) or not isinstance(value, Sequence):
            raise self._wrong(name, value, "a list of numbers")
        numbers = [float(v) for v in value if isinstance(v, int | float) and not isinstance(v, bool)]
        if len(numbers) != len(value):
            raise self._wrong(name, value, "a list of numbers")
        return tuple(numbers)

    def _get(self, name: str) -> object:
        value = self._given(name)
        if value is None:
            value = self.assumed[name] = _DEFAULTS[name]
        return value

    def _given(self, name: str) -> object:
        value: object = self.config
        for part in name.split("."):
            if not isinstance(value, Mapping):
                return None
            value = value.get(part)
        return value

    def _wrong(self, name: str, value: object, expected: str) -> CheckpointMismatchError:
        return CheckpointMismatchError(
            f"the configuration has {name} = {value!r}, but it must be {expected}",
            fix="use the config.yaml that detectron2 wrote beside the checkpoint",
        )
