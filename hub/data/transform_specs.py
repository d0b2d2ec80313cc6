"""What the first-party transforms declare; importable without torch."""

from __future__ import annotations

from hub.spec import TransformSpec

resize = TransformSpec(
    name="resize",
    summary="Resize to one of several lengths of the shorter side",
    target="hub.data.transforms.geometric:Resize",
)

horizontal_flip = TransformSpec(
    name="horizontal_flip",
    summary="Mirror left to right",
    target="hub.data.transforms.geometric:HorizontalFlip",
)

vertical_flip = TransformSpec(
    name="vertical_flip",
    summary="Mirror top to bottom",
    target="hub.data.transforms.geometric:VerticalFlip",
)

scale_jitter = TransformSpec(
    name="scale_jitter",
    summary="Large-scale jitter: scale, then crop or pad to one size",
    target="hub.data.transforms.geometric:ScaleJitter",
)

crop = TransformSpec(
    name="crop",
    summary="Crop a random window",
    target="hub.data.transforms.geometric:Crop",
)

random_resized_crop = TransformSpec(
    name="random_resized_crop",
    summary="Crop a window of random area and shape, and resize it",
    target="hub.data.transforms.geometric:RandomResizedCrop",
)

affine = TransformSpec(
    name="affine",
    summary="Rotate, scale, shear and translate",
    target="hub.data.transforms.geometric:Affine",
)

color_jitter = TransformSpec(
    name="color_jitter",
    summary="Change brightness, contrast, saturation and hue",
    target="hub.data.transforms.pixels:ColorJitter",
)

gaussian_blur = TransformSpec(
    name="gaussian_blur",
    summary="Blur with a random standard deviation",
    target="hub.data.transforms.pixels:GaussianBlur",
)

gaussian_noise = TransformSpec(
    name="gaussian_noise",
    summary="Add Gaussian noise",
    target="hub.data.transforms.pixels:GaussianNoise",
)

random_erasing = TransformSpec(
    name="random_erasing",
    summary="Erase a rectangle",
    target="hub.data.transforms.erasing:RandomErasing",
)

rand_augment = TransformSpec(
    name="rand_augment",
    summary="RandAugment: several of fourteen operations at one magnitude",
    target="hub.data.transforms.auto_augment:RandAugment",
)

trivial_augment = TransformSpec(
    name="trivial_augment",
    summary="TrivialAugment: one of fourteen operations at a random magnitude",
    target="hub.data.transforms.auto_augment:TrivialAugment",
)

mosaic = TransformSpec(
    name="mosaic",
    summary="Mosaic: four images in one",
    target="hub.data.transforms.mosaic:Mosaic",
)

copy_paste = TransformSpec(
    name="copy_paste",
    summary="Copy-paste: objects of one image in another",
    target="hub.data.transforms.copy_paste:CopyPaste",
)

mixup = TransformSpec(
    name="mixup",
    summary="Mixup: blend two images and their tags",
    target="hub.data.transforms.mixup:Mixup",
)

cutmix = TransformSpec(
    name="cutmix",
    summary="CutMix: a window of one image in another",
    target="hub.data.transforms.mixup:CutMix",
)

albumentations = TransformSpec(
    name="albumentations",
    summary="Any 2D transform of albumentations, with its own options",
    target="hub.data.transforms.albumentations_step:Albumentations",
)
