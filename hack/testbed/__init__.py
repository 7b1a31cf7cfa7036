"""What demo, cluster tests and benchmarks share: a cluster client, the installation, public faces, timings."""
