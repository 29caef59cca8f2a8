"""Synthetic echo from masks by diffusion: the network, its objectives and samplers, and what conditions it."""
