"""Who carries out the runs of a sweep: this process, several on this machine, or a Ray cluster."""
