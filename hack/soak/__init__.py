"""`make soak`: random use and random faults for a chosen time, then a check of what must hold whatever happened.

actions, faults --disturb--> cluster --watch, logs, memory--> seen --> invariants --> violations
"""
