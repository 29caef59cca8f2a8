"""From unannotated images: match, calibrate, refine, pseudo-label."""
