"""TextUNet: a U-Net whose output the sentence chooses, at several scales."""
