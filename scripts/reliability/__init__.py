"""Counts of failures over many runs: `count_failures.py` for seeds, `count_recipes.py` for recipes, `gate.py` for one run."""
