"""The use cases of content. One method is one transaction; a read is one statement for each kind of record.

A use case that creates something calls `keep` with its result before the transaction ends, so that the idempotent
response and the records are committed together.
"""
