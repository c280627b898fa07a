"""Benchmarks, and the modules of `benchmark_steps.py`.

| module | holds | imports |
|---|---|---|
| `architecture`, `workloads` | networks as data; losses, optimizers, data | no framework |
| `contenders` | the names of the contenders and their features | no framework |
| `guide`, `by_hand`, `with_fit`, `with_gantape` | contenders on TensorFlow | TensorFlow, Keras |
| `with_torch`, `with_jax` | the others | PyTorch; JAX |
| `workers` | a process for each contender | no framework |
| `targets`, `report`, `costs`, `results` | ratios, table and plot, imports and memory, what is kept | no framework |
"""
