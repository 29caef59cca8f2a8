"""CRIS (Wang et al., CVPR 2022): CLIP's residual network and text encoder under a vision-language decoder."""
