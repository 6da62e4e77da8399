"""The checks before a release: locked packages, their licences and vulnerabilities, and secrets in files."""
