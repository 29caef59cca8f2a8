"""A supervised U-Net without text: what the vision-language models are to be compared with."""
