"""Teaching a Segmenter from triplets: configuration, batches, loss, one readable loop, exact resume."""
