"""One file a kind: observe, decide (pure), act."""
