"""What is written for a recording: label maps and masks in its geometry, outlines, overlays, DICOM segmentations."""
