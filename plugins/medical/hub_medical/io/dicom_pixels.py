"""The pixels of DICOM images as intensities: decoded, with the modality's slope, intercept or table applied.

Reference: DICOM PS3.3, C.11.1 (modality LUT).
"""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset
from pydicom.pixels import apply_modality_lut, get_decoder

from hub_medical.errors import ColorDicomError, DicomError, MissingDecoderError, TruncatedDicomError
from hub_medical.io.dicom_frames import frame_rescale
from hub_medical.io.dicom_header import DicomHeader, syntax_of

_NEEDED = ("BitsAllocated", "BitsStored", "PixelRepresentation", "PhotometricInterpretation")


def check_pixels(header: DicomHeader) -> None:
    """Refuse pixels that are not intensities, or that cannot be decoded here; from the header alone.

    Raises:
        ColorDicomError, MissingDecoderError: as the names state.
    """
    if header.samples != 1 or header.photometric.startswith(("RGB", "YBR", "PALETTE")):
        raise ColorDicomError(
            f"{header.file} is in color ({header.photometric}), not intensities",
            fix="leave out secondary captures and screenshots; give the original series",
        )
    syntax = syntax_of(header)
    if syntax is None or not syntax.is_compressed:
        return
    try:
        available = get_decoder(syntax).is_available
    except NotImplementedError:
        available = False
    if not available:
        raise MissingDecoderError(
            f"{header.file} is compressed as {syntax.name}, which no installed package decodes",
            fix="pip install 'backbone-hub-medical[compressed]', or decompress it with dcmdjpeg or gdcmconv --raw",
        )


def read_dataset(header: DicomHeader) -> Dataset:
    """The whole file, pixels included.

    Raises:
        TruncatedDicomError: the pixels end too early.
        DicomError: there are none, or an attribute that describes them is missing.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            data = pydicom.dcmread(header.file, force=True)
    except Exception as error:
        raise DicomError(
            f"{header.file} cannot be read as DICOM ({type(error).__name__})", fix="replace the file"
        ) from None
    if "PixelData" not in data and "FloatPixelData" not in data:
        raise TruncatedDicomError(f"{header.file} has no pixels", fix="fetch the whole image")
    if "PixelData" in data:
        _check_length(data, header)
    return data


def read_intensities(data: Dataset, header: DicomHeader) -> np.ndarray:
    """Decode an image.

    Returns:
        (frames, rows, columns) float32.

    Raises:
        DicomError: the pixels cannot be decoded.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            stored = data.pixel_array.reshape(header.frames, header.rows, header.columns)
            if data.get("ModalityLUTSequence"):
                return np.asarray(apply_modality_lut(stored, data), np.float32)
            rescale = frame_rescale(data, header.frames)
    except Exception as error:  # the decoders raise many kinds, with values in their messages
        raise DicomError(
            f"{header.file}: its pixels cannot be decoded ({type(error).__name__})", fix="replace the file"
        ) from None
    values = np.empty(stored.shape, np.float32)
    for frame, (slope, intercept) in enumerate(rescale):
        values[frame] = stored[frame] * slope + intercept  # in float64, rounded once
    return values


def _check_length(data: Dataset, header: DicomHeader) -> None:
    for keyword in _NEEDED:
        if data.get(keyword) in (None, ""):
            raise DicomError(
                f"{header.file} has no {keyword}, so its pixels cannot be decoded", fix="correct the header"
            )
    syntax = syntax_of(header)
    if syntax is not None and syntax.is_compressed:
        return
    expected = header.frames * header.rows * header.columns * header.samples * int(data.BitsAllocated) // 8
    found = len(data.PixelData)
    if found < expected:
        raise TruncatedDicomError(
            f"{header.file}: its pixels end after {found} of {expected} bytes", fix="fetch the whole image"
        )


def single_image(path: Path, header: DicomHeader) -> Dataset:
    """The file of a single image, such as a radiograph, checked as `read_dataset` does.

    Raises:
        DicomError: it has several frames; see also `check_pixels` and `read_dataset`.
    """
    if header.frames > 1:
        raise DicomError(f"{path} has more than one frame", fix="read it as a series")
    check_pixels(header)
    return read_dataset(header)
