"""CLIPSeg's decoder over a dual encoder of transformers: CLIP, SigLIP (and SigLIP 2), BiomedCLIP."""
