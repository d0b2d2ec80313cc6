"""DICOM segmentation objects (DICOM PS3.3, A.51) with references to every source slice, through highdicom."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from pathlib import Path

import highdicom as hd
import numpy as np
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

from hub import LabelSpace
from hub.files import write_atomic
from hub_medical import __version__
from hub_medical.errors import DicomError, SegmentationWriteError, UnknownLabelError
from hub_medical.io.dicom import LPS_TO_RAS, Series
from hub_medical.io.dicom_reference import frame_of_reference, reference_images
from hub_medical.privacy import read_identity
from hub_medical.volumes.volume import Volume, check_same_grid

MAKER = "backbone-hub-medical"


def write_dicom_seg(
    path: str | os.PathLike[str],
    labels: Volume,
    series: Series,
    names: LabelSpace,
    *,
    kinds: Mapping[str, Code] | None = None,
    identified: bool = False,
) -> Path:
    """Write labels as a binary DICOM segmentation of a series.

    Every slice has a frame for every segment, empty ones too, so that each refers to its source image and readers
    get the whole volume back.

    Args:
        path: of the file.
        labels: on the grid of ``series.volume``; 0 is background, others the ids of ``names``.
        series: that was segmented, as `hub_medical.io.dicom.read_dicom` gives it.
        names: of the segments with their label values; a name with the id 0 is the background.
        kinds: name → what it is in SNOMED CT; "tissue" for others.
        identified: keep the patient's name and id, for clinical use. By default nothing of the patient is kept; UIDs
            that link the object to its source are kept either way.

    Raises:
        GridMismatchError: the labels do not lie on the slices of the series.
        UnknownLabelError: a label value without a name.
        SegmentationWriteError: highdicom refuses.
        SaveError: the file cannot be written.
    """
    check_same_grid(labels, series.volume)
    segments = {i: name for i, name in zip(names.ids, names.names, strict=True) if i != 0}
    unknown = sorted(set(np.unique(labels.array).tolist()) - {0, *segments})
    if unknown:
        raise UnknownLabelError(f"{labels.name}: label {unknown[0]} has no name", fix="name it among the labels")
    # Segments are numbered from 1 without gaps, independent of the label values.
    numbered = np.zeros(labels.array.shape, np.uint8 if len(segments) < 256 else np.uint16)
    for number, value in enumerate(segments, 1):
        numbered[labels.array == value] = number
    algorithm = hd.AlgorithmIdentificationSequence(
        name=MAKER, version=__version__, family=codes.DCM.ArtificialIntelligence
    )
    identity = read_identity(series.images[0].file) if identified else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            seg = hd.seg.Segmentation(
                source_images=reference_images(series, identity),
                pixel_array=_to_highdicom(labels.with_array(numbered), frame_of_reference(series)),
                segmentation_type=hd.seg.SegmentationTypeValues.BINARY,
                segment_descriptions=[
                    hd.seg.SegmentDescription(
                        segment_number=number,
                        segment_label=name,
                        segmented_property_category=codes.SCT.Tissue,
                        segmented_property_type=(kinds or {}).get(name, codes.SCT.Tissue),
                        algorithm_type=hd.seg.SegmentAlgorithmTypeValues.AUTOMATIC,
                        algorithm_identification=algorithm,
                    )
                    for number, name in enumerate(segments.values(), 1)
                ],
                series_instance_uid=hd.UID(),
                series_number=1,
                sop_instance_uid=hd.UID(),
                instance_number=1,
                manufacturer=MAKER,
                manufacturer_model_name=MAKER,
                software_versions=__version__,
                device_serial_number="0",
                content_description="For research only; not a medical device",
                content_label="SEGMENTATION",
                omit_empty_frames=False,
            )
        except Exception as error:  # highdicom's own checks, with values of the header in their messages
            raise SegmentationWriteError(
                f"{path}: no DICOM segmentation can be made for this series ({type(error).__name__})",
                fix="use the labels in the NIfTI file instead",
            ) from error
        return write_atomic(path, lambda temporary: seg.save_as(temporary, enforce_file_format=True))


def read_dicom_seg(path: str | os.PathLike[str]) -> tuple[Volume, LabelSpace]:
    """Read a DICOM segmentation whose segments do not overlap.

    Returns:
        Labels (uint8 or uint16, k from the segment's number) in the axes that `hub_medical.io.dicom.read_dicom` uses,
        and the segments' names.

    Raises:
        DicomError: the file is no segmentation, or its segments overlap.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            seg = hd.seg.segread(path)
            stack = seg.get_volume(combine_segments=True)
        except Exception as error:
            raise DicomError(
                f"{path} cannot be read as a DICOM segmentation ({type(error).__name__})",
                fix="give a SEG file whose segments do not overlap",
            ) from None
        numbers = tuple(seg.segment_numbers)
        names = tuple(seg.get_segment_description(number).segment_label for number in numbers)
    labels = _from_highdicom(stack, str(path))
    small = labels.array.astype(np.uint8 if max(numbers) < 256 else np.uint16)
    return labels.with_array(small), LabelSpace(names, numbers)


def _from_highdicom(stack: hd.Volume, name: str) -> Volume:
    """From highdicom's axes (slice, row, column) and LPS to (column, row, slice) and RAS, slices along their normal."""
    if np.linalg.det(stack.affine[:3, [2, 1, 0]]) < 0:
        stack = stack.flip_spatial(0)
    return Volume.of(stack.array.transpose(2, 1, 0), LPS_TO_RAS @ stack.affine[:, [2, 1, 0, 3]], name=name)


def _to_highdicom(volume: Volume, frame_of_reference: str) -> hd.Volume:
    """The inverse of `_from_highdicom`."""
    return hd.Volume(
        volume.array.transpose(2, 1, 0),
        (LPS_TO_RAS @ volume.affine)[:, [2, 1, 0, 3]],
        coordinate_system="PATIENT",
        frame_of_reference_uid=frame_of_reference,
    )
