"""How good a predicted mask is: overlap, boundary distances, clinical indices, and statistics by patient."""
