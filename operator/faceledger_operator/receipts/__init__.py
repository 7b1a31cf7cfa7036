"""Keeps receipts outside the cluster."""
