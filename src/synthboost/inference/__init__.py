"""Using a trained Segmenter: one image and sentences, a whole data set, and the scores of the masks it drew."""
