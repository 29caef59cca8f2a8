"""What a run leaves behind: its folder, its log, its rows, its examples. Reports read nothing else."""
