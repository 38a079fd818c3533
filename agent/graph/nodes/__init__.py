"""One file per node. A node returns what it adds to the state and never sends anything."""
