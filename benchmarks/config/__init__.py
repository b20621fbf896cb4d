"""What a run is, and where and how it is carried out."""
