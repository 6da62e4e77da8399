"""The audit log that every service keeps: who did what to which id, when, from where.

A row is of the transaction of what it tells. The table takes no change and no deletion: its triggers refuse both.
"""

from services.kit.audit.append_only import append_only, never_replaced, not_append_only
from services.kit.audit.log import AuditFilter, AuditLog, AuditTrail, audit_key
from services.kit.audit.model import AUDIT_TABLE, AuditRecord, AuditRow, Deed, record_of

__all__ = [
    "AUDIT_TABLE",
    "AuditFilter",
    "AuditLog",
    "AuditRecord",
    "AuditRow",
    "AuditTrail",
    "Deed",
    "append_only",
    "audit_key",
    "never_replaced",
    "not_append_only",
    "record_of",
]
