"""Specs of the heads in this package, for its entry points; imports no torch."""

from __future__ import annotations

from hub import LossSpec, TaskSpec


def _spec(name: str, target: str, summary: str) -> TaskSpec:
    return TaskSpec(name=name, kind="semantic segmentation", summary=summary, target=f"hub_segmentation.{target}")


semantic_fpn = _spec(
    "semantic-fpn", "semantic_fpn:SemanticFPN", "Semantic FPN: sum of upsampled pyramid levels (Kirillov et al. 2019)"
)
unet = _spec("unet", "unets:Unet", "U-Net: a decoder with skip connections (Ronneberger et al. 2015)")
unetplusplus = _spec("unetplusplus", "unets:UnetPlusPlus", "U-Net++: nested skip connections (Zhou et al. 2018)")
manet = _spec("manet", "unets:MAnet", "MA-Net: U-Net with attention over position and scale (Fan et al. 2020)")
linknet = _spec("linknet", "unets:Linknet", "LinkNet: a light decoder that adds skips (Chaurasia and Culurciello 2017)")
pspnet = _spec("pspnet", "decoders:PSPNet", "PSPNet: pyramid pooling at four scales (Zhao et al. 2017)")
pan = _spec("pan", "decoders:PAN", "PAN: pyramid attention (Li et al. 2018)")
deeplabv3 = _spec("deeplabv3", "decoders:DeepLabV3", "DeepLabv3: parallel dilated convolutions (Chen et al. 2017)")
deeplabv3plus = _spec(
    "deeplabv3plus", "decoders:DeepLabV3Plus", "DeepLabv3+: DeepLabv3 refined with fine features (Chen et al. 2018)"
)
upernet = _spec("upernet", "decoders:UPerNet", "UPerNet: pyramid pooling and an FPN (Xiao et al. 2018)")
segformer = _spec("segformer", "decoders:Segformer", "SegFormer's decoder of linear layers (Xie et al. 2021)")


def _loss(name: str, summary: str, *kinds: str) -> LossSpec:
    return LossSpec(name=name, summary=summary, target=f"hub_segmentation.losses:{name}", kinds=kinds)


cross_entropy = _loss("cross_entropy", "Mean cross-entropy", "semantic", "voxels")
dice = _loss("dice", "1 − Dice, mean over classes (Milletari et al. 2016)", "semantic", "voxels")
focal = _loss("focal", "Focal loss (Lin et al. 2017)", "semantic", "voxels")
jaccard = _loss("jaccard", "1 − Jaccard index, mean over classes", "semantic")
lovasz = _loss("lovasz", "Lovász-softmax (Berman et al. 2018)", "semantic")
tversky = _loss("tversky", "1 − Tversky index, mean over classes (Salehi et al. 2017)", "semantic", "voxels")
