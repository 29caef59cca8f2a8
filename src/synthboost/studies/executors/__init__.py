"""Where the runs of a study are carried out: on this machine, on a SLURM cluster, or on a Ray cluster."""
