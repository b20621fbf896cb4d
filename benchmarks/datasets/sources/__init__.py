"""Where the files of datasets come from."""
