"""Nothing that identifies a patient is written: how cases are named instead, and what an object may keep."""

from __future__ import annotations

import hashlib
import logging
import warnings
from pathlib import Path

import pydicom

logger = logging.getLogger("hub")

# What every derived object must have, and may be empty (type 2 in PS3.3, C.7.1.1 and C.7.2.1).
EMPTY = (
    *("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "StudyID"),
    *("AccessionNumber", "ReferringPhysicianName"),
)
# What is kept where a user asks for it, so that an archive files the object with its patient.
IDENTITY = ("PatientName", "PatientID")


def short_name(uid: str) -> str:
    """The name of a case without information about the patient: a hash of its series' UID.

    >>> short_name("1.2.3")
    'series-27a1303c'
    """
    return f"series-{hashlib.blake2b(uid.encode(), digest_size=4).hexdigest()}"


def read_identity(file: Path) -> dict[str, str]:
    """The name and id of the patient of a DICOM file, decoded from its character set."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # they quote values
        data = pydicom.dcmread(file, stop_before_pixels=True, specific_tags=[*IDENTITY, "SpecificCharacterSet"])
        data.decode()
        return {keyword: str(data.get(keyword) or "") for keyword in IDENTITY}


def warn_burned_in(file: Path) -> None:
    """Warn that by its header the pixels show text, which may name the patient."""
    logger.warning(
        "%s: BurnedInAnnotation is YES: the pixels may show the patient's name; look before sharing pictures", file
    )
