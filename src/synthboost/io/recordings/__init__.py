"""Recordings as people have them - pictures, clips, DICOM, NIfTI, MHD - as grey frames that are read one by one."""

from synthboost.io.recordings.find import find_recordings, open_recording
from synthboost.io.recordings.recording import Recording, Region

__all__ = ["Recording", "Region", "find_recordings", "open_recording"]
