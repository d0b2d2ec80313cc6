"""Convert weights of detectron2's Faster and Mask R-CNN with a ResNet-FPN for models of the hub."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from hub import Preprocessing, ResizeRule
from hub.errors import CheckpointMismatchError
from hub_detection.weights.conversion import Converted, ModelPieces, finish, resnet_name
from hub_detection.weights.detectron2_config import Detectron2Config
from hub_detection.weights.keys import (
    PARAMETER,
    TENSOR,
    Patterns,
    add_batch_counters,
    count_keys,
    flatten_rows_columns_channels,
    rename_keys,
)

_BODY, _NECK, _RPN, _ROI = "trunk.body.net", "trunk.neck", r"proposal_generator\.rpn_head", "roi_heads"
# Constants that older versions of detectron2 store; the configuration has them, too.
_IGNORED = (r"pixel_(mean|std)", r"proposal_generator\.anchor_generator\.cell_anchors\.\d+")
_NORMS = {"": "none", "FrozenBN": "frozen", "BN": "batch", "SyncBN": "batch", "GN": "group"}


def convert(state_dict: Mapping[str, Tensor], config: Mapping[str, object] | None = None) -> Converted:
    """Convert a Faster or Mask R-CNN with a ResNet-FPN that detectron2 has trained.

    A model of the returned pieces with the returned tensors computes the same as detectron2 from the same pixels.
    Labels are detectron2's classes in their order; its background, the last class, becomes the first row of the hub's
    box head.

    Args:
        state_dict: the ``model`` of a checkpoint, of any floating dtype.
        config: the whole configuration, as ``cfg.dump()`` writes it to ``config.yaml``, parsed from YAML. Settings that
            it lacks have the values of detectron2's ``Base-RCNN-FPN.yaml`` and are reported as assumed.

    Raises:
        CheckpointMismatchError: a key that these models do not have, a required one is missing, or a setting that the
            hub cannot represent; the message names the key or the setting.
    """
    settings = Detectron2Config(config or {})
    neck_norm = any(key.startswith("backbone.fpn_lateral2.norm.") for key in state_dict)
    renamed = rename_keys(
        state_dict,
        _patterns(neck_norm),
        required=_required(neck_norm),
        ignored=_IGNORED,
        family="detectron2's Faster or Mask R-CNN with a ResNet-FPN",
    )
    tensors = renamed.tensors
    pieces = _pieces(tensors, settings)
    reshaped = _reorder(tensors, pieces.num_classes)
    add_batch_counters(tensors)
    return finish(renamed, pieces, reshaped=reshaped, assumed=settings.assumed)


def _patterns(neck_norm: bool) -> Patterns:
    stages = [(rf"backbone\.bottom_up\.res{i + 1}\.(\d+)", rf"{_BODY}.layer{i}.\1") for i in range(1, 5)]
    neck_conv = ".0" if neck_norm else ""
    return [
        (rf"backbone\.bottom_up\.stem\.conv1\.{PARAMETER}", rf"{_BODY}.conv1.\1"),
        (rf"backbone\.bottom_up\.stem\.conv1\.norm\.{TENSOR}", rf"{_BODY}.bn1.\1"),
        *((rf"{theirs}\.conv(\d)\.{PARAMETER}", rf"{ours}.conv\2.\3") for theirs, ours in stages),
        *((rf"{theirs}\.conv(\d)\.norm\.{TENSOR}", rf"{ours}.bn\2.\3") for theirs, ours in stages),
        *((rf"{theirs}\.shortcut\.{PARAMETER}", rf"{ours}.downsample.0.\2") for theirs, ours in stages),
        *((rf"{theirs}\.shortcut\.norm\.{TENSOR}", rf"{ours}.downsample.1.\2") for theirs, ours in stages),
        (rf"backbone\.fpn_(lateral|output)(\d)\.{PARAMETER}", rf"{_NECK}.\1.p\2{neck_conv}.\3"),
        (rf"backbone\.fpn_(lateral|output)(\d)\.norm\.{TENSOR}", rf"{_NECK}.\1.p\2.1.\3"),
        (rf"{_RPN}\.conv\.{PARAMETER}", r"rpn.convs.0.\1"),
        (rf"{_RPN}\.conv\.conv(\d)\.{PARAMETER}", r"rpn.convs.\1.\2"),
        (rf"{_RPN}\.objectness_logits\.{PARAMETER}", r"rpn.cls_logits.\1"),
        (rf"{_RPN}\.anchor_deltas\.{PARAMETER}", r"rpn.bbox_pred.\1"),
        *((rf"{_ROI}\.box_head\.fc{i}\.{PARAMETER}", rf"box_head.fc{5 + i}.\1") for i in range(1, 5)),
        *((rf"{_ROI}\.box_head\.conv{i + 1}\.{PARAMETER}", rf"box_head.convs.{i}.0.\1") for i in range(8)),
        *((rf"{_ROI}\.box_head\.conv{i + 1}\.norm\.{TENSOR}", rf"box_head.convs.{i}.1.\1") for i in range(8)),
        (rf"{_ROI}\.box_predictor\.(cls_score|bbox_pred)\.{PARAMETER}", r"box_head.\1.\2"),
        *((rf"{_ROI}\.mask_head\.mask_fcn{i + 1}\.{PARAMETER}", rf"mask_head.convs.{i}.0.\1") for i in range(8)),
        *((rf"{_ROI}\.mask_head\.mask_fcn{i + 1}\.norm\.{TENSOR}", rf"mask_head.convs.{i}.1.\1") for i in range(8)),
        (rf"{_ROI}\.mask_head\.deconv\.{PARAMETER}", r"mask_head.upsample.\1"),
        (rf"{_ROI}\.mask_head\.predictor\.{PARAMETER}", r"mask_head.predictor.\1"),
    ]


def _required(neck_norm: bool) -> set[str]:
    layers = ("rpn.cls_logits", "rpn.bbox_pred", "box_head.fc6", "box_head.cls_score", "box_head.bbox_pred")
    neck = [f"{_NECK}.{kind}.p{i}{'.0' if neck_norm else ''}" for kind in ("lateral", "output") for i in range(2, 6)]
    return {f"{layer}.{part}" for layer in layers for part in ("weight", "bias")} | {f"{n}.weight" for n in neck}


def _pieces(tensors: Mapping[str, Tensor], settings: Detectron2Config) -> ModelPieces:
    """Return the pieces of the model: sizes of layers from the tensors, all else from the settings."""
    num_classes = len(tensors["box_head.cls_score.bias"]) - 1
    body = resnet_name(tensors, f"{_BODY}.layer")
    bottlenecks = f"{_BODY}.layer1.0.conv3.weight" in tensors
    stride_in_1x1 = bottlenecks and settings.flag("MODEL.RESNETS.STRIDE_IN_1X1")
    neck_norm = _norm(settings, "MODEL.FPN.NORM")
    mean, std = settings.numbers("MODEL.PIXEL_MEAN"), settings.numbers("MODEL.PIXEL_STD")
    bgr = settings.text("INPUT.FORMAT") == "BGR"
    rgb = slice(None, None, -1 if bgr else 1)
    has_masks = "mask_head.predictor.weight" in tensors
    return ModelPieces(
        name=f"{'mask-rcnn' if has_masks else 'faster-rcnn'}/{body}-fpn",
        num_classes=num_classes,
        options={
            **_anchor_options(settings),
            **_box_options(tensors, settings, num_classes),
            **(_mask_options(tensors, settings) if has_masks else {}),
        },
        preprocessing=Preprocessing(
            mean=tuple(value / 255 for value in mean[rgb]),
            std=tuple(value / 255 for value in std[rgb]),
            bgr=bgr,
            resize=ResizeRule(settings.integer("INPUT.MIN_SIZE_TEST"), settings.integer("INPUT.MAX_SIZE_TEST")),
        ),
        norm=_norm(settings, "MODEL.RESNETS.NORM"),
        freeze=settings.integer("MODEL.BACKBONE.FREEZE_AT"),
        channels=len(tensors["rpn.convs.0.weight"]),
        backbone={"stride_in_1x1": True} if stride_in_1x1 else {},
        neck={} if neck_norm == "none" else {"norm": neck_norm},
    )


def _anchor_options(settings: Detectron2Config) -> dict[str, object]:
    sizes = settings.number_lists("MODEL.ANCHOR_GENERATOR.SIZES")
    ratios = settings.number_lists("MODEL.ANCHOR_GENERATOR.ASPECT_RATIOS")
    if any(len(level) != 1 for level in sizes) or len(set(ratios)) != 1:
        raise CheckpointMismatchError(
            f"the configuration has anchors of sizes {sizes} and aspect ratios {ratios}, but the hub's R-CNN has one "
            "size per level and the same ratios on all levels",
            fix="convert a model with such anchors",
        )
    background, foreground = settings.numbers("MODEL.RPN.IOU_THRESHOLDS")
    return {
        "anchor_levels": settings.texts("MODEL.RPN.IN_FEATURES"),
        "anchor_sizes": tuple(size for (size,) in sizes),
        "aspect_ratios": ratios[0],
        "anchor_strides": "level",
        "anchor_offset": settings.number("MODEL.ANCHOR_GENERATOR.OFFSET"),
        "round_anchors": False,
        "rpn_pre_nms_topk_train": settings.integer("MODEL.RPN.PRE_NMS_TOPK_TRAIN"),
        "rpn_pre_nms_topk_test": settings.integer("MODEL.RPN.PRE_NMS_TOPK_TEST"),
        "rpn_post_nms_topk_train": settings.integer("MODEL.RPN.POST_NMS_TOPK_TRAIN"),
        "rpn_post_nms_topk_test": settings.integer("MODEL.RPN.POST_NMS_TOPK_TEST"),
        "rpn_nms_thresh": settings.number("MODEL.RPN.NMS_THRESH"),
        "rpn_fg_iou_thresh": foreground,
        "rpn_bg_iou_thresh": background,
        "rpn_batch_size_per_image": settings.integer("MODEL.RPN.BATCH_SIZE_PER_IMAGE"),
        "rpn_positive_fraction": settings.number("MODEL.RPN.POSITIVE_FRACTION"),
    }


def _box_options(tensors: Mapping[str, Tensor], settings: Detectron2Config, num_classes: int) -> dict[str, object]:
    (threshold,) = settings.numbers("MODEL.ROI_HEADS.IOU_THRESHOLDS")
    loss = settings.text("MODEL.ROI_BOX_HEAD.BBOX_REG_LOSS_TYPE")
    if loss not in ("smooth_l1", "giou"):
        raise CheckpointMismatchError(
            f"the configuration has MODEL.ROI_BOX_HEAD.BBOX_REG_LOSS_TYPE = {loss!r}, which the hub does not have",
            fix="set it to smooth_l1 or giou, which changes training only",
        )
    convs = count_keys(tensors, "box_head.convs.{}.0.weight")
    channels = len(tensors[f"box_head.convs.{convs - 1}.0.weight" if convs else "rpn.convs.0.weight"])
    fc6 = tensors["box_head.fc6.weight"]
    return {
        "pool_levels": settings.texts("MODEL.ROI_HEADS.IN_FEATURES"),
        "rpn_num_convs": count_keys(tensors, "rpn.convs.{}.weight"),
        "box_pooler_resolution": round((fc6.shape[1] / channels) ** 0.5),
        "sampling_ratio": settings.integer("MODEL.ROI_BOX_HEAD.POOLER_SAMPLING_RATIO"),
        "aligned": _aligned(settings, "MODEL.ROI_BOX_HEAD.POOLER_TYPE"),
        "box_head_num_convs": convs,
        "box_head_norm": _norm(settings, "MODEL.ROI_BOX_HEAD.NORM") if convs else "none",
        "box_head_num_fcs": count_keys(tensors, "box_head.fc{}.weight", start=6),
        "box_head_conv_channels": channels,
        "box_head_fc_channels": len(fc6),
        "box_loss": loss,
        "smooth_l1_beta": settings.number("MODEL.ROI_BOX_HEAD.SMOOTH_L1_BETA"),
        "box_fg_iou_thresh": threshold,
        "box_bg_iou_thresh": threshold,
        "box_batch_size_per_image": settings.integer("MODEL.ROI_HEADS.BATCH_SIZE_PER_IMAGE"),
        "box_positive_fraction": settings.number("MODEL.ROI_HEADS.POSITIVE_FRACTION"),
        "bbox_reg_weights": settings.numbers("MODEL.ROI_BOX_HEAD.BBOX_REG_WEIGHTS"),
        "cls_agnostic_bbox_reg": len(tensors["box_head.bbox_pred.bias"]) != 4 * num_classes,
        "score_thresh": settings.number("MODEL.ROI_HEADS.SCORE_THRESH_TEST"),
        "nms_thresh": settings.number("MODEL.ROI_HEADS.NMS_THRESH_TEST"),
        "detections_per_img": settings.integer("TEST.DETECTIONS_PER_IMAGE"),
    }


def _mask_options(tensors: Mapping[str, Tensor], settings: Detectron2Config) -> dict[str, object]:
    for name in ("POOLER_TYPE", "POOLER_SAMPLING_RATIO"):
        mask, box = f"MODEL.ROI_MASK_HEAD.{name}", f"MODEL.ROI_BOX_HEAD.{name}"
        read = settings.text if name == "POOLER_TYPE" else settings.integer
        if read(mask) != read(box):
            raise CheckpointMismatchError(
                f"the configuration has {mask} = {read(mask)!r} and {box} = {read(box)!r}, but the hub pools boxes and "
                "masks alike",
                fix="convert a model where both are the same",
            )
    convs = count_keys(tensors, "mask_head.convs.{}.0.weight")
    return {
        "mask_pooler_resolution": settings.integer("MODEL.ROI_MASK_HEAD.POOLER_RESOLUTION"),
        "mask_head_num_convs": convs,
        "mask_head_channels": tensors["mask_head.upsample.weight"].shape[1],
        "mask_head_norm": _norm(settings, "MODEL.ROI_MASK_HEAD.NORM") if convs else "none",
    }


def _aligned(settings: Detectron2Config, name: str) -> bool:
    pooler = settings.text(name)
    if pooler not in ("ROIAlign", "ROIAlignV2"):
        raise CheckpointMismatchError(
            f"the configuration has {name} = {pooler!r}, but the hub has ROIAlign and ROIAlignV2",
            fix="convert a model that pools with one of them",
        )
    return pooler == "ROIAlignV2"


def _norm(settings: Detectron2Config, name: str) -> str:
    norm = settings.text(name)
    if norm not in _NORMS:
        raise CheckpointMismatchError(
            f"the configuration has {name} = {norm!r}, which the hub does not have",
            fix=f"convert a model with one of {', '.join(filter(None, _NORMS))}",
        )
    return _NORMS[norm]


def _reorder(tensors: dict[str, Tensor], num_classes: int) -> dict[str, str]:
    """Bring rows and columns into the hub's order, in place; return how they changed."""
    reshaped = {}

    def change(key: str, value: Tensor, how: str) -> None:
        tensors[key], reshaped[key] = value, how

    convs = count_keys(tensors, "box_head.convs.{}.0.weight")
    channels = len(tensors[f"box_head.convs.{convs - 1}.0.weight" if convs else "rpn.convs.0.weight"])
    fc6 = flatten_rows_columns_channels(tensors["box_head.fc6.weight"], channels)
    change("box_head.fc6.weight", fc6, "columns by row, column, channel")
    per_class = len(tensors["box_head.bbox_pred.bias"]) == 4 * num_classes
    for part in ("weight", "bias"):
        key = f"box_head.cls_score.{part}"
        change(key, tensors[key].roll(1, dims=0), "background first")
        deltas = tensors[key := f"box_head.bbox_pred.{part}"]
        if per_class:
            unused = deltas.new_zeros(4, *deltas.shape[1:])
            change(key, torch.cat([unused, deltas]), "unused rows for the background")
        masks = tensors.get(key := f"mask_head.predictor.{part}")
        if masks is not None and len(masks) != num_classes:
            change(key, masks.expand(num_classes, *masks.shape[1:]).contiguous(), "the same mask for every class")
    return reshaped
