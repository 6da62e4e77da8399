"""The rules of auth: pure functions, without a clock, storage or HTTP."""
