"""Language-guided segmentation of echocardiograms, boosted by synthetic data."""

__version__ = "0.1.0"
