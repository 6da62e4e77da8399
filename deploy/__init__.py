"""Deployment on one machine and in containers: start, backup, restore, import and release checks."""
