"""What a commitment is and how anyone checks it: records, leaves, trees, signatures, CIDs, receipts, verification.

Nothing here knows the operator or the workloads. `chain.py` alone imports web3, and nothing imports `chain.py`.
"""
