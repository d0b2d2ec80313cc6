"""Nothing that names a patient leaves a file: what to look for, and how cases are called instead."""

from __future__ import annotations

import hashlib
import logging
from copy import deepcopy
from pathlib import Path

from pydicom.dataset import Dataset

logger = logging.getLogger("hub")

# Of DICOM PS3.15 annex E, what a derived object copies from its source.
IDENTIFYING = (
    "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "PatientAge", "PatientWeight", "PatientSize",
    "OtherPatientIDs", "OtherPatientNames", "PatientAddress", "PatientTelephoneNumbers", "PatientComments",
    "EthnicGroup", "Occupation", "AdditionalPatientHistory", "AccessionNumber", "StudyID", "ReferringPhysicianName",
    "PerformingPhysicianName", "OperatorsName", "PhysiciansOfRecord", "InstitutionName", "InstitutionAddress",
    "StudyDescription", "SeriesDescription", "StudyDate", "StudyTime", "SeriesDate", "SeriesTime",
    "AcquisitionDate", "AcquisitionTime", "AcquisitionDateTime", "ContentDate", "ContentTime",
    "InstanceCreationDate", "InstanceCreationTime",
)  # fmt: skip
# What every derived object has, if empty (type 2 in PS3.3, C.7.1.1 and C.7.2.1).
_REQUIRED = (
    "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "StudyID",
    "AccessionNumber", "ReferringPhysicianName",
)  # fmt: skip


def case_key(header: Dataset) -> str:
    """A name for the case that tells nothing: a hash of its series' UID.

    >>> header = Dataset()
    >>> header.SeriesInstanceUID = "1.2.3"
    >>> case_key(header)
    'series-27a1303c'
    """
    digest = hashlib.blake2b(str(header.get("SeriesInstanceUID", "")).encode(), digest_size=4).hexdigest()
    return f"series-{digest}"


def source_header(header: Dataset, *, identified: bool) -> Dataset:
    """A copy of an image's header, without its pixels and private tags, to derive another object from.

    Args:
        header: of the image; it stays as it is.
        identified: keep everything else; otherwise what `IDENTIFYING` lists is emptied. UIDs stay in both cases:
            without them an object cannot refer to its source.
    """
    copy = Dataset()
    copy.file_meta = deepcopy(header.file_meta)
    for element in header:
        if not element.tag.is_private and element.keyword != "PixelData":
            copy[element.tag] = deepcopy(element)
    if not copy.get("SpecificCharacterSet"):  # allowed in a file, but not in what highdicom makes of it
        copy.SpecificCharacterSet = "ISO_IR 100"
    for keyword in _REQUIRED:
        if keyword not in copy:
            setattr(copy, keyword, None)
    if not identified:
        for keyword in IDENTIFYING:
            if keyword in copy:
                setattr(copy, keyword, None)
    return copy


def warn_burned_in(header: Dataset, file: Path) -> bool:
    """Warn where the header says that text is burned into the pixels; only a person can see what it is."""
    burned = bool(header.get("BurnedInAnnotation") == "YES")
    if burned:
        logger.warning(
            "%s: BurnedInAnnotation is YES: the pixels may show the patient's name; look before sharing pictures", file
        )
    return burned
