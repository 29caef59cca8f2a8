"""A parametric simulator of apical echocardiograms: images and exact masks without any patient and any annotator."""
