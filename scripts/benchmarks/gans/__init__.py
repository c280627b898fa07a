"""The rows of scripts/benchmarks/benchmark_gans.py, and how they are measured."""
