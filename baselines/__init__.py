"""Methods that train the same networks on the same data; one file each, found by `baselines.method`."""
