"""Signer, journal, batcher and finality of a LedgerBinding."""
