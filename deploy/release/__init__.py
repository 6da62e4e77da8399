"""What is looked at before a release: the locked packages, their licences and known holes, and secrets left behind."""
