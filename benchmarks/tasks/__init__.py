"""Types of task: what a dataset asks of a network, and how its answer is judged; one file each."""
