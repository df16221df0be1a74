"""Where a new flow goes: services, their real servers, and what speaks for and against each."""
