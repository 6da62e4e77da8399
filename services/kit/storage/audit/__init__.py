"""The audit log that every service keeps: who did what to which id, when, from where.

A row is of the transaction of what it tells. The table takes no change and no deletion: its triggers refuse both.
"""
