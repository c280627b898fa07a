import keras
from keras import layers

import gantape as gt
from gantape.report import image_grid, save_picture


class DigitGAN(gt.AdversarialTask):
    latent_size: int = 64  # annotated fields are hyper-parameters
    generator_decay: float = 0.995  # samples come from a moving average of the generator

    def build_generator(self):
        stem = [keras.Input((self.latent_size,)), layers.Dense(6272), layers.Reshape((7, 7, 128)), layers.BatchNormalization()]
        body = [layers.ReLU(), layers.Conv2DTranspose(64, 4, 2, "same"), layers.BatchNormalization(), layers.ReLU()]
        return keras.Sequential([*stem, *body, layers.Conv2DTranspose(1, 4, 2, "same", activation="tanh")])

    def build_discriminator(self):
        body = [layers.Conv2D(64, 4, 2, "same"), layers.LeakyReLU(0.2), layers.Conv2D(128, 4, 2, "same"), layers.LeakyReLU(0.2)]
        return keras.Sequential([keras.Input((28, 28, 1)), *body, layers.Flatten(), layers.Dense(1)])


keras.utils.set_random_seed(0)  # initial weights
task = DigitGAN()
digits = gt.data.digits(batch_size=64, labels=False, pixels=(-1.0, 1.0))  # the range of tanh
gt.Loop(task, compiler=gt.StepCompiler("auto"), seed=0).run(digits, steps=2_000)
save_picture(image_grid(task.generate(task.latents(24, gt.RandomStreams(1))), columns=12), "digits.png")
