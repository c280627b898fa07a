"""The parts of `scripts/benchmarks/benchmark_steps.py`.

| module | holds | imports |
|---|---|---|
| `workloads` | what is trained: networks as data, losses, optimizers | no framework |
| `contenders` | what trains it: the names, and what each can do | no framework |
| `guide`, `by_hand`, `with_fit`, `with_gantape` | contenders on TensorFlow | TensorFlow, Keras |
| `with_torch`, `with_jax` | the others | PyTorch; JAX |
| `workers` | a process for each contender | no framework |
| `targets`, `report`, `costs`, `results` | ratios, table and plot, imports and memory, what is kept | no framework |
"""
