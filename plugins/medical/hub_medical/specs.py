"""What the plugin announces to the hub; importable without torch."""

from hub import CommandSpec, DatasetSpec

nifti_folder = DatasetSpec(
    name="nifti-folder",
    summary="slices and 2.5D slabs of NIfTI volumes, images and labels in two folders",
    target="hub_medical.datasets:NiftiFolder",
)

msd = DatasetSpec(
    name="msd",
    summary="slices and 2.5D slabs of a Medical Segmentation Decathlon or nnU-Net folder with its dataset.json",
    target="hub_medical.datasets:Msd",
)

medical = CommandSpec(
    name="medical",
    summary="medical data: export to nnU-Net's format, look into a DICOM folder",
    target="hub_medical.commands:Medical",
)
