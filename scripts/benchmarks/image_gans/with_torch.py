"""The same GANs in PyTorch: a loop by hand, with fused optimizers; eager, with channels last, and compiled.

Images lie in memory as bytes; losses and scores are added up as tensors and read at the end of a measurement.
"""

import itertools
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils.parametrizations import spectral_norm
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from benchmarks.contenders import Arrays, Contender, Order
from benchmarks.image_gans import settings as s


class TorchLoop(Contender):
    """A loop in PyTorch.

    Args:
        recipe: The recipe.
        arrays: The images, as bytes.
        channels_last: Whether images and kernels have their channels last in memory.
        compiled: Whether networks go through `torch.compile`; a penalty's pass does not, which has no second derivative then.
    """

    def __init__(self, recipe: s.Recipe, arrays: Arrays, channels_last: bool, compiled: bool) -> None:
        layout = torch.channels_last if channels_last else torch.contiguous_format
        self._images = torch.from_numpy(arrays["examples"]).permute(0, 3, 1, 2).contiguous(memory_format=layout)
        self._order = Order(len(self._images), s.BATCH_SIZES[recipe])
        parts = networks(recipe)
        self._generator, self._discriminator = (part.to(memory_format=layout) for part in parts[:2])
        self._decoders = parts[2].to(memory_format=layout) if parts[2:] else None
        called = [torch.compile(part) if compiled else part for part in (self._generator, self._discriminator)]
        self._generate, self._score = called
        self._decode = torch.compile(self._decoders) if compiled and self._decoders is not None else self._decoders
        moved = [weight for part in parts[1:] for weight in part.parameters()]
        options = {"lr": s.LEARNING_RATES[recipe], "betas": s.BETAS, "eps": 1e-7, "fused": True}
        self._d_optimizer = torch.optim.Adam(moved, **options)
        self._g_optimizer = torch.optim.Adam(self._generator.parameters(), **options)
        self._average = AveragedModel(self._generator, multi_avg_fn=get_ema_multi_avg_fn(s.DECAY))
        self._step_number = 0
        self._losses: Callable[..., Any] = self._of_image_gan if recipe == "image-gan" else self._of_fastgan

    def run(self, steps: int) -> int:
        report = torch.zeros(4)
        for rows in self._order.take(steps):
            report += self._step(self._images[torch.from_numpy(rows)].float().div_(127.5).sub_(1.0))
        report.numpy()
        return steps

    def _step(self, real: Any) -> Any:
        with torch.no_grad():
            fake = self._generate(torch.randn(len(real), s.LATENT_SIZE))
        loss, real_scores, fake_scores = self._losses(real, fake)
        self._d_optimizer.zero_grad()
        loss.backward()
        self._d_optimizer.step()
        self._discriminator.requires_grad_(False)
        g_loss = self._losses(None, self._generate(torch.randn(len(real), s.LATENT_SIZE)))
        self._g_optimizer.zero_grad()
        g_loss.backward()
        self._g_optimizer.step()
        self._discriminator.requires_grad_(True)
        self._average.update_parameters(self._generator)
        self._step_number += 1
        return torch.stack([loss.detach(), g_loss.detach(), real_scores.detach().mean(), fake_scores.detach().mean()])

    def _of_image_gan(self, real: Any, fake: Any) -> Any:
        if real is None:
            return functional.softplus(-self._score(fake)).mean()
        real_scores, fake_scores = self._score(real), self._score(fake)
        loss = functional.softplus(-real_scores).mean() + functional.softplus(fake_scores).mean()
        if self._step_number % s.PENALTY_EVERY == 0:
            watched = real.clone().requires_grad_()
            (gradient,) = torch.autograd.grad(self._discriminator(watched).sum(), watched, create_graph=True)
            loss = loss + s.PENALTY_EVERY * s.PENALTY_WEIGHT / 2.0 * gradient.square().sum((1, 2, 3)).mean()
        return loss, real_scores, fake_scores

    def _of_fastgan(self, real: Any, fake: Any) -> Any:
        if real is None:
            return -self._score(augmented(fake))[0].mean()
        real = augmented(real)
        real_scores, for_part, for_whole = self._score(real)
        fake_scores, _, _ = self._score(augmented(fake))
        quarter = int(torch.randint(4, ()))
        part, whole = self._decode(quarter_of(for_part, quarter), for_whole)
        error = (part - quarter_of(real, quarter)).abs().mean() + (whole - functional.avg_pool2d(real, 2)).abs().mean()
        return (
            functional.relu(1.0 - real_scores).mean() + functional.relu(1.0 + fake_scores).mean() + error,
            real_scores,
            fake_scores,
        )


def contender(workload: s.Recipe, arrays: Arrays, variant: str) -> TorchLoop:
    """A loop in PyTorch: "eager", "one-thread", "channels-last" or "compile"."""
    torch.manual_seed(0)
    if variant == "one-thread":
        torch.set_num_threads(1)
    return TorchLoop(workload, arrays, variant in ("channels-last", "compile"), variant == "compile")


def networks(recipe: s.Recipe) -> list[nn.Module]:
    """The generator, the discriminator, and the decoders, if there are any."""
    if recipe == "image-gan":
        return [_image_generator(), _image_discriminator()]
    return [FastGenerator(), FastDiscriminator(), Decoders()]


def _norm(width: int) -> nn.Module:
    return nn.BatchNorm2d(width, momentum=0.01, eps=1e-3)


def _image_generator() -> nn.Module:
    hidden: list[nn.Module] = [nn.Linear(s.LATENT_SIZE, 16 * s.WIDTHS[0], bias=False), nn.Unflatten(1, (s.WIDTHS[0], 4, 4))]
    for before, width in itertools.pairwise((*s.WIDTHS, s.WIDTH_AT_IMAGE)):
        hidden += [_norm(before), nn.ReLU(), nn.Upsample(scale_factor=2), nn.Conv2d(before, width, 3, padding=1, bias=False)]
    hidden += [_norm(s.WIDTH_AT_IMAGE), nn.ReLU(), nn.Conv2d(s.WIDTH_AT_IMAGE, s.CHANNELS, 3, padding=1)]
    return nn.Sequential(*hidden, nn.Tanh())


def _image_discriminator() -> nn.Module:
    hidden: list[nn.Module] = []
    widths = s.WIDTHS[::-1]
    for before, width in zip((s.CHANNELS, *widths), widths, strict=False):
        hidden += [nn.Conv2d(before, width, 4, 2, padding=1), nn.LeakyReLU(0.2)]
    hidden += [Deviation(), nn.Conv2d(widths[-1] + 1, s.WIDEST, 3, padding=1), nn.LeakyReLU(0.2)]
    return nn.Sequential(*hidden, nn.Flatten(), nn.Linear(16 * s.WIDEST, 1))


class Deviation(nn.Module):
    """A channel with the deviation over groups of four images."""

    def forward(self, images: Any) -> Any:
        count, channels, height, width = images.shape
        deviation = (images.reshape(4, count // 4, channels, height, width).var(0, unbiased=False) + 1e-8).sqrt()
        channel = deviation.mean((1, 2, 3)).reshape(count // 4, 1, 1, 1).repeat(4, 1, height, width)
        return torch.cat([images, channel], 1)


class Noise(nn.Module):
    """Noise times a learned strength, in training."""

    def __init__(self) -> None:
        super().__init__()
        self.strength = nn.Parameter(torch.zeros(()))

    def forward(self, images: Any) -> Any:
        count, _, height, width = images.shape
        return images + self.strength * torch.randn(count, 1, height, width)


def _up_block(before: int, size: int, noisy: bool) -> nn.Sequential:
    width = s.FASTGAN_WIDTHS[size]
    hidden: list[nn.Module] = [nn.Upsample(scale_factor=2)]
    for inputs in (before, width) if noisy else (before,):
        hidden += [nn.Conv2d(inputs, 2 * width, 3, padding=1, bias=False), *([Noise()] if noisy else [])]
        hidden += [_norm(2 * width), nn.GLU(1)]
    return nn.Sequential(*hidden)


class FastGenerator(nn.Module):
    """The generator of FastGAN."""

    def __init__(self) -> None:
        super().__init__()
        widths = s.FASTGAN_WIDTHS
        first = nn.Linear(s.LATENT_SIZE, 16 * 2 * widths[4], bias=False)
        self.first = nn.Sequential(first, nn.Unflatten(1, (2 * widths[4], 4, 4)), _norm(2 * widths[4]), nn.GLU(1))
        self.blocks = nn.Sequential(*(_up_block(widths[size // 2], size, size in s.NOISY) for size in (8, 16, 32)))
        squeeze, excite = nn.Conv2d(widths[4], widths[32], 4, bias=False), nn.Conv2d(widths[32], widths[32], 1, bias=False)
        self.excitation = nn.Sequential(squeeze, nn.SiLU(), excite, nn.Sigmoid())
        self.last = nn.Conv2d(widths[32], s.CHANNELS, 3, padding=1)

    def forward(self, latents: Any) -> Any:
        smallest = self.first(latents)
        return torch.tanh(self.last(self.blocks(smallest) * self.excitation(smallest)))


def _convolved(before: int, width: int, kernel: int, stride: int = 1) -> nn.Sequential:
    convolution = nn.Conv2d(before, width, kernel, stride, padding=(kernel - 1) // 2, bias=False)
    return nn.Sequential(spectral_norm(convolution), _norm(width), nn.LeakyReLU(0.2))


class DownBlock(nn.Module):
    """Halves an image on two ways."""

    def __init__(self, before: int, width: int) -> None:
        super().__init__()
        self.main = nn.Sequential(_convolved(before, width, 4, 2), _convolved(width, width, 3))
        self.direct = nn.Sequential(nn.AvgPool2d(2), _convolved(before, width, 1))

    def forward(self, images: Any) -> Any:
        return (self.main(images) + self.direct(images)) / 2.0


class FastDiscriminator(nn.Module):
    """The discriminator of FastGAN, which also returns features of 16×16 and 8×8."""

    def __init__(self) -> None:
        super().__init__()
        widths = s.FASTGAN_WIDTHS
        first = spectral_norm(nn.Conv2d(s.CHANNELS, widths[32], 3, padding=1, bias=False))
        self.first = nn.Sequential(first, nn.LeakyReLU(0.2))
        self.middle, self.small = DownBlock(widths[32], widths[16]), DownBlock(widths[16], widths[8])
        last = spectral_norm(nn.Conv2d(widths[8], 1, 4, bias=False))
        self.last = nn.Sequential(_convolved(widths[8], widths[8], 1), last)

    def forward(self, images: Any) -> Any:
        middle = self.middle(self.first(images))
        small = self.small(middle)
        return self.last(small), middle, small


class Decoders(nn.Module):
    """From features of a quarter of an image, and of a whole one, to images."""

    def __init__(self) -> None:
        super().__init__()
        self.part, self.whole = (
            nn.Sequential(
                _up_block(s.FASTGAN_WIDTHS[size], 32, False),
                nn.Conv2d(s.FASTGAN_WIDTHS[32], s.CHANNELS, 3, padding=1),
                nn.Tanh(),
            )
            for size in (16, 8)
        )

    def forward(self, for_part: Any, for_whole: Any) -> Any:
        return self.part(for_part), self.whole(for_whole)


def quarter_of(images: Any, quarter: int) -> Any:
    """A quarter of each image."""
    half = images.shape[2] // 2
    down, right = quarter // 2 * half, quarter % 2 * half
    return images[:, :, down : down + half, right : right + half]


def augmented(images: Any) -> Any:
    """Brightness, saturation, contrast and translation, as in the code of arXiv 2006.10738."""
    count = len(images)
    images = images + torch.rand(count, 1, 1, 1) - 0.5
    grey = images.mean(1, keepdim=True)
    images = grey + (images - grey) * 2.0 * torch.rand(count, 1, 1, 1)
    mean = images.mean((1, 2, 3), keepdim=True)
    images = mean + (images - mean) * (0.5 + torch.rand(count, 1, 1, 1))
    first = torch.randint(2 * s.SHIFT + 1, (2, count, 1))
    rows, columns = first + torch.arange(s.SIZE)
    padded = functional.pad(images, [s.SHIFT] * 4).permute(0, 2, 3, 1)
    moved = padded[torch.arange(count)[:, None, None], rows[:, :, None], columns[:, None, :]]
    return moved.permute(0, 3, 1, 2)
