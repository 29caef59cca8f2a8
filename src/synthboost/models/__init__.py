"""Vision-language segmenters: one folder each, one interface for all (`base.py`), one registry (`registry.py`)."""
