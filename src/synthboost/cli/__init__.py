"""The command line: one file per verb, each a dataclass whose docstring is its help. Nothing here loads torch."""
