"""Volumes, ejection fraction and plausibility, measured on label maps."""
