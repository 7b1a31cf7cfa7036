"""Talks to the API server: reads, writes, status, events, leadership."""
