"""The three kinds as Pydantic models: what a user may write and what the operator answers in status."""
