"""One class for each way in which medical data can be wrong.

Messages name files and positions, never what a DICOM header holds about the patient.
"""

from hub.errors import AnnotationError, DataError, ImageError, SaveError, UnknownCategoryError


class VolumeError(ImageError):
    """A volume that cannot be read, or that contradicts its header."""


class NotThreeDimensionalError(VolumeError):
    """A volume with a fourth axis of time or channels, or a plane where a volume was expected."""


class NonFiniteVoxelsError(VolumeError):
    """Voxels that are NaN or infinite."""


class GridMismatchError(AnnotationError):
    """Labels of another shape or affine than their image, or two grids that axis-aligned resampling cannot relate."""


class UnknownLabelError(UnknownCategoryError):
    """A label volume holds a value that has no name."""


class DicomError(VolumeError):
    """A DICOM series that must not be read as a volume; the subclasses state the cause."""


class NotDicomError(DicomError):
    """A file that is not DICOM."""


class UnreadableSliceError(DicomError):
    """A damaged file beside the slices of a series, which may be one of them."""


class TruncatedDicomError(DicomError):
    """Pixels that are missing, or end too early."""


class MosaicError(DicomError):
    """The slices of a volume as tiles of one image."""


class EmptySeriesError(DicomError):
    """No image of a series where one was expected."""


class MixedSeriesError(DicomError):
    """Images of several series, or slices of different size, direction or spacing, in one place."""


class MissingSliceError(DicomError):
    """A gap between the slices of a series."""


class DuplicateSliceError(DicomError):
    """Two slices of a series at the same position."""


class UnevenSlicesError(DicomError):
    """Slices whose distance changes along the series."""


class SeveralVolumesError(DicomError):
    """Several volumes in one series or object: time points, echoes, diffusion weightings."""


class GantryTiltError(DicomError):
    """Slices that are sheared against each other, as a tilted gantry makes them."""


class ColorDicomError(DicomError):
    """A DICOM image in color, where intensities have a meaning."""


class MissingDecoderError(DicomError):
    """A file that no installed package decodes."""


class SegmentationWriteError(SaveError):
    """A segmentation that cannot be written for these source images."""


class PatientOverlapError(DataError):
    """A patient on both sides of a split."""


class MissingGroupError(DataError):
    """A case without a patient: splits by patient need one for every case."""


class StudyTableError(AnnotationError):
    """A table of studies with a missing column, an unknown value, or a row that occurs twice."""


class MetricError(DataError):
    """Predictions and references that cannot be compared."""
