"""The version of Flix, as pyproject.toml and the labels of its images have it."""

VERSION = "1.0.0"
