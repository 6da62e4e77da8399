"""The lowest layer, which imports nothing else of ours: errors, instants, settings, logging, the actor."""
