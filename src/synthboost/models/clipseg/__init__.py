"""CLIPSeg (Lueddecke and Ecker, CVPR 2022): CLIP's encoders and a small decoder that the sentence modulates."""
