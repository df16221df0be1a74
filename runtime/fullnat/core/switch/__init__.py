"""What the switch holds and what it should: its tables, and its agreement with the controller after both were apart."""
