"""Effects, intervals and tests at the level of patients."""
