"""Several controllers of the same switches, which share what they know through etcd; one of them leads."""
