"""Files: one reader and one writer per format, whole or absent, locked while written."""
