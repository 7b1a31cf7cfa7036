"""Builds RayJobs and reads their status."""
