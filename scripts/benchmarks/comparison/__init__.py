"""The same GANs twice: as tasks of gantape, and as Keras models with a `train_step`."""
