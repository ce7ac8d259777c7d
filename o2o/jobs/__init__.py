"""The work that is done after a commit: an engine that leases jobs, and an actor for each kind."""
