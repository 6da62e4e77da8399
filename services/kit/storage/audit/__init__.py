"""The audit log of each service: who did what to which id, when, and from which address.

An entry is written in the transaction of the action that it records. Triggers refuse to change or delete entries.
"""
