"""Overlap, distances and agreement of masks."""
