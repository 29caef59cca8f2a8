"""How like real ultrasound synthetic images are, without any downloaded network: texture, distances, copies."""
