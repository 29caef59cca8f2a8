"""Synthetic images from masks by diffusion: the network, its objectives, its samplers, and what conditions it."""
