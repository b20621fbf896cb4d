"""What a study is: a grid of runs, read from TOML, and parts of it."""
