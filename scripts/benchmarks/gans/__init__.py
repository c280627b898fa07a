"""What scripts/benchmarks/benchmark_gans.py measures, and how."""
