"""The use cases of quiz. One method is one transaction; content is called before it begins.

A use case that creates something calls `keep` with its result before the transaction ends, so that the idempotent
response and the records are committed together.
"""
