"""The plugin's specs; importable without torch."""

from hub import BackboneSpec, CommandSpec, DatasetSpec, ReaderSpec, TaskSpec

nifti_folder = DatasetSpec(
    name="nifti-folder",
    summary="slices and 2.5D slabs of NIfTI volumes, images and labels in two folders",
    target="hub_medical.segmentation.datasets:NiftiFolder",
)

msd = DatasetSpec(
    name="msd",
    summary="slices and 2.5D slabs of a Medical Segmentation Decathlon or nnU-Net folder with its dataset.json",
    target="hub_medical.segmentation.datasets:Msd",
)

nifti_patches = DatasetSpec(
    name="nifti-patches",
    summary="overlapping parts of NIfTI volumes for networks of volumes, images and labels in two folders",
    target="hub_medical.segmentation.patches:NiftiPatches",
)

msd_patches = DatasetSpec(
    name="msd-patches",
    summary="the same of a Medical Segmentation Decathlon or nnU-Net folder with its dataset.json",
    target="hub_medical.segmentation.patches:MsdPatches",
)

inflated = BackboneSpec(
    name="inflated",
    summary="a 2D network of timm inflated to 3D with its weights (Carreira and Zisserman 2017)",
    target="hub_medical.backbones.inflated:Inflated",
)

unet3d = TaskSpec(
    name="unet3d",
    kind="semantic segmentation",
    summary="3D U-Net's decoder on features of volumes (Çiçek et al. 2016)",
    target="hub_medical.segmentation.unet3d:UNet3d",
)

study_images = DatasetSpec(
    name="study-images",
    summary="a table of images with findings and patients: pictures of 8 or 16 bits, DICOM",
    target="hub_medical.studies.study_data:StudyImages",
)

study_slices = DatasetSpec(
    name="study-slices",
    summary="a table of studies with findings and patients: slices of DICOM, NIfTI, folders of pictures as channels",
    target="hub_medical.studies.study_data:StudySlices",
)

slicewise = BackboneSpec(
    name="slicewise",
    summary="a 2D network of timm on every slice of a volume",
    target="hub_medical.backbones.slicewise:Slicewise",
)

study = TaskSpec(
    name="study",
    kind="classification",
    summary="findings of a stack of slices by gated attention (Ilse et al. 2018); unknown findings are masked",
    target="hub_medical.studies.study_head:StudyHead",
)

studies = ReaderSpec(
    name="studies",
    summary="images and stacks of slices: scores and the attention of slices, in JSON and pictures",
    target="hub_medical.studies.study_reader:StudyReader",
)

volume = ReaderSpec(
    name="volume",
    summary="NIfTI files and DICOM series: labels on the file's grid, DICOM-SEG, pictures, volumes in ml",
    target="hub_medical.segmentation.reader:VolumeReader",
)

medical = CommandSpec(
    name="medical",
    summary="medical data: export to nnU-Net's format, list DICOM series, find leaks",
    target="hub_medical.commands:Medical",
)
