"""What every process needs and what needs nothing of ours: errors, instants, settings, logging, the actor."""
