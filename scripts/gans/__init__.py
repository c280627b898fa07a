"""What scripts/benchmark_gans.py measures, and how."""
