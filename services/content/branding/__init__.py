"""The look of an event's page, made by a provider on the network or by a rule."""
