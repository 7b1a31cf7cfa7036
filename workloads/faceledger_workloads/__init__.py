"""FaceLedger."""
