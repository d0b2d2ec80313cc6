"""The images that a derived DICOM object refers to, reduced to an allow-list of attributes.

highdicom copies the patient, study and specimen modules of the images that it is given. So it is given none of the
source's headers, but datasets that hold these UIDs, the geometry of the volume, and empty type-2 attributes.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from hub_medical.io.dicom import LPS_TO_RAS, Series
from hub_medical.io.dicom_header import DicomHeader
from hub_medical.privacy import EMPTY


def reference_images(series: Series, identity: Mapping[str, str] | None = None) -> list[Dataset]:
    """Describe the images of a series: one dataset per image, in the order of `Series.images`.

    Args:
        series: see `hub_medical.io.dicom.read_dicom`.
        identity: name and id of the patient to keep, see `hub_medical.privacy.read_identity`; None leaves them empty.
    """
    affine = LPS_TO_RAS @ series.volume.affine
    if series.frames:
        return [_multi_frame(series, affine, identity)]
    return [
        _single_frame(series, image, affine @ [0, 0, k, 1], affine, identity) for k, image in enumerate(series.images)
    ]


def _common(series: Series, image: DicomHeader, identity: Mapping[str, str] | None) -> Dataset:
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.SpecificCharacterSet = "ISO_IR 192"
    data.SOPClassUID = image.sop_class
    data.SOPInstanceUID = image.sop_instance
    # A segmentation cannot do without these. Where the source has none, they are derived from its series.
    data.SeriesInstanceUID = image.series or generate_uid(entropy_srcs=[series.key, "series"])
    data.StudyInstanceUID = image.study or generate_uid(entropy_srcs=[image.series, series.key, "study"])
    data.FrameOfReferenceUID = frame_of_reference(series)
    data.Modality = image.modality or "OT"
    data.Rows, data.Columns = image.rows, image.columns
    for keyword in EMPTY:
        setattr(data, keyword, (identity or {}).get(keyword))
    return data


def frame_of_reference(series: Series) -> str:
    """The UID of the coordinates of a series; where it has none, one that is always the same for the series."""
    first = series.images[0]
    return first.frame_of_reference or str(generate_uid(entropy_srcs=[first.series, series.key, "frame of reference"]))


def _single_frame(
    series: Series, image: DicomHeader, position: np.ndarray, affine: np.ndarray, identity: Mapping[str, str] | None
) -> Dataset:
    data = _common(series, image, identity)
    data.ImagePositionPatient = _decimals(position[:3])
    data.ImageOrientationPatient = _decimals(_directions(affine))
    data.PixelSpacing = _decimals(np.array(series.volume.spacing)[[1, 0]])
    data.SliceThickness = _decimals(np.array(series.volume.spacing)[[2]])[0]
    return data


def _multi_frame(series: Series, affine: np.ndarray, identity: Mapping[str, str] | None) -> Dataset:
    data = _common(series, series.images[0], identity)
    data.NumberOfFrames = len(series.frames)
    shared, orientation, measures = Dataset(), Dataset(), Dataset()
    orientation.ImageOrientationPatient = _decimals(_directions(affine))
    measures.PixelSpacing = _decimals(np.array(series.volume.spacing)[[1, 0]])
    measures.SliceThickness = _decimals(np.array(series.volume.spacing)[[2]])[0]
    shared.PlaneOrientationSequence = [orientation]
    shared.PixelMeasuresSequence = [measures]
    data.SharedFunctionalGroupsSequence = [shared]
    frames = [Dataset() for _ in series.frames]
    for k, frame in enumerate(series.frames):
        position = Dataset()
        position.ImagePositionPatient = _decimals((affine @ [0, 0, k, 1])[:3])
        frames[frame - 1].PlanePositionSequence = [position]
    data.PerFrameFunctionalGroupsSequence = frames
    return data


def _directions(affine: np.ndarray) -> np.ndarray:
    axes = affine[:3, :2] / np.linalg.norm(affine[:3, :2], axis=0)
    return np.asarray(axes.T.ravel())


def _decimals(values: np.ndarray) -> list[str]:
    """As DICOM's decimal strings, of at most 16 characters."""
    return [_decimal(float(value)) for value in values]


def _decimal(value: float) -> str:
    for digits in range(15, 4, -1):
        text = f"{value:.{digits}g}"
        if len(text) <= 16:
            return text
    return f"{value:.5g}"
