"""The lowest layer, which imports none of the other layers: errors, instants, settings, logging, the actor."""
