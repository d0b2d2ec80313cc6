"""NIfTI, DICOM and nnU-Net files."""
