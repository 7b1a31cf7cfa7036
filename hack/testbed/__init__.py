"""What the demo, the cluster tests and the benchmarks share: a cluster client, the installation, public faces, timings."""
