"""Synthetic faces: networks, training, sampling and screening.

Goes in: a folder of images (training) or a checkpoint, a seed and indices (sampling). Comes out: a checkpoint, or
uint8 faces. Face i is a function of (checkpoint sha256, seed, i) alone.
"""
