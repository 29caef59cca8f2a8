"""MedCLIPSeg (arXiv 2602.20423): words and patches meet inside the encoders, through probabilistic attention."""
