"""The audit log of every service: who did what to which id, when and from where.

An entry is written in the transaction of the action that it records. Triggers refuse to change or delete entries.
"""
