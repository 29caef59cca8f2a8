"""SAM 3 (arXiv 2511.16719): a concept in words, and all of it in the image; a thin wrapper around transformers."""
