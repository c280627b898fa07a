"""PyTorch: eager, with one thread, with channels last, and compiled (channels last too); fused optimizers throughout.

The data lies in memory as tensors; losses and scores are added up as tensors and read at the end of a measurement.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from benchmarks import architecture as a
from benchmarks import workloads as w
from benchmarks.contenders import Arrays, Contender, Order

PENALTY_WEIGHT = 10.0


class TorchLoop(Contender):
    """A loop in PyTorch.

    Args:
        workload: The workload.
        arrays: The data.
        channels_last: Whether images and kernels have their channels last in memory.
        compiled: Whether networks and losses go through `torch.compile`.
    """

    def __init__(self, workload: w.Workload, arrays: Arrays, channels_last: bool, compiled: bool) -> None:
        self._workload = workload
        self._layout = torch.channels_last if channels_last else torch.contiguous_format
        self._examples = torch.from_numpy(arrays["examples"])
        if self._examples.ndim == 4:
            self._examples = self._examples.permute(0, 3, 1, 2).contiguous(memory_format=self._layout)
        self._labels = torch.from_numpy(arrays["labels"]).long() if "labels" in arrays else None
        self._order = Order(len(self._examples), workload.batch_size)
        make_step = _classifier_step if isinstance(workload.problem, w.Classifier) else _adversarial_step
        compile_function: Callable[..., Any] = torch.compile if compiled else lambda function: function
        self._step: Callable[[list[Any]], Any] = make_step(workload, self._place, compile_function)

    def run(self, steps: int) -> int:
        report = torch.zeros(4)
        width = self._workload.batches_per_step
        for _ in range(steps):
            report += self._step([self._batch(rows) for rows in self._order.take(width)])
        report.numpy()
        return steps

    def _place(self, network: Any) -> Any:
        return network.to(memory_format=self._layout) if self._examples.ndim == 4 else network

    def _batch(self, rows: Any) -> tuple[Any, Any]:
        chosen = torch.from_numpy(rows)
        examples = self._examples[chosen]
        if examples.dtype == torch.uint8:
            low, high = self._workload.pixels
            examples = examples.float().mul_((high - low) / 255.0).add_(low)
        return examples, None if self._labels is None else self._labels[chosen]


def contender(workload: w.Workload, arrays: Arrays, variant: str) -> TorchLoop:
    """A loop in PyTorch: "eager", "one-thread", "channels-last" or "compile"."""
    torch.manual_seed(0)
    if variant == "one-thread":
        torch.set_num_threads(1)
    return TorchLoop(workload, arrays, variant in ("channels-last", "compile"), variant == "compile")


def network(description: a.Network) -> nn.Sequential:
    """The same network in PyTorch: paddings are symmetric, sizes and numbers of weights are those of Keras."""
    before = [description.input_shape, *description.shapes()]
    return nn.Sequential(*map(_layer, description.layers, before))


def _layer(description: a.Layer, shape: tuple[int, ...]) -> nn.Module:
    match description:
        case a.Dense(units):
            return nn.Linear(shape[-1], units)
        case a.Convolution(filters, kernel, stride):
            return nn.Conv2d(shape[-1], filters, kernel, stride, padding=(kernel - 1) // 2)
        case a.TransposedConvolution(filters, kernel, stride):
            return nn.ConvTranspose2d(shape[-1], filters, kernel, stride, padding=(kernel - stride) // 2)
        case a.BatchNorm():
            return nn.BatchNorm2d(shape[-1], momentum=0.01, eps=1e-3)
        case a.Dropout(rate):
            return nn.Dropout(rate)
        case a.Activation(function):
            return {"relu": nn.ReLU(), "leaky_relu": nn.LeakyReLU(0.2), "sigmoid": nn.Sigmoid(), "tanh": nn.Tanh()}[function]
        case a.Reshape(height, width, channels):
            return nn.Unflatten(1, (channels, height, width))
        case a.Flatten():
            return nn.Flatten()
        case a.GlobalMaximum():
            return _GlobalMaximum()


class _GlobalMaximum(nn.Module):
    def forward(self, images: Any) -> Any:
        return images.amax(dim=(2, 3))


def _optimizer(description: w.Optimizer, network: nn.Module) -> torch.optim.Optimizer:
    if description.method == "sgd":
        return torch.optim.SGD(network.parameters(), description.learning_rate, fused=True)
    betas = (description.beta_1, description.beta_2)
    return torch.optim.Adam(network.parameters(), description.learning_rate, betas, eps=1e-7, fused=True)


def _classifier_step(
    workload: w.Workload, place: Callable[[Any], Any], compile_function: Callable[..., Any]
) -> Callable[[list[Any]], Any]:
    problem = workload.problem
    assert isinstance(problem, w.Classifier)
    model = place(network(problem.network)).train()
    optimizer = _optimizer(problem.optimizer, model)

    def loss_and_hits(images: Any, labels: Any) -> tuple[Any, Any]:
        logits = model(images)
        return functional.cross_entropy(logits, labels), (logits.argmax(1) == labels).float().mean()

    loss_and_hits = compile_function(loss_and_hits)

    def step(batches: list[Any]) -> Any:
        loss, hits = loss_and_hits(*batches[0])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return torch.stack([loss.detach(), hits, hits, hits])

    return step


def _adversarial_step(
    workload: w.Workload, place: Callable[[Any], Any], compile_function: Callable[..., Any]
) -> Callable[[list[Any]], Any]:
    gan = workload.problem
    assert isinstance(gan, w.GAN)
    generator, discriminator = place(network(gan.generator)), place(network(gan.discriminator))
    generator_optimizer = _optimizer(gan.generator_optimizer, generator)
    discriminator_optimizer = _optimizer(gan.discriminator_optimizer, discriminator)

    def discriminator_loss(real: Any, latents: Any, fractions: Any) -> tuple[Any, Any, Any]:
        with torch.no_grad():
            fake = generator(latents)
        if gan.loss == "noisy-labels":
            scores = discriminator(torch.cat([fake, real]))
            labels = torch.cat([torch.ones_like(fractions), torch.zeros_like(fractions)])
            labels = labels + 0.05 * torch.rand_like(labels)
            loss = functional.binary_cross_entropy_with_logits(scores, labels)
            return loss, scores[len(fake) :].mean(), scores[: len(fake)].mean()
        real_scores, fake_scores = discriminator(real), discriminator(fake)
        if gan.loss == "wasserstein":
            loss = fake_scores.mean() - real_scores.mean() + PENALTY_WEIGHT * gradient_penalty(real, fake, fractions)
        else:
            loss = functional.softplus(-real_scores).mean() + functional.softplus(fake_scores).mean()
        return loss, real_scores.mean(), fake_scores.mean()

    def gradient_penalty(real: Any, fake: Any, fractions: Any) -> Any:
        mix = fractions.view(-1, *[1] * (real.ndim - 1))
        between = (mix * real + (1.0 - mix) * fake).requires_grad_()
        (gradient,) = torch.autograd.grad(discriminator(between).sum(), between, create_graph=True)
        return ((gradient.square().flatten(1).sum(1) + 1e-10).sqrt() - 1.0).square().mean()

    def generator_loss(latents: Any) -> Any:
        scores = discriminator(generator(latents))
        match gan.loss:
            case "noisy-labels":
                return functional.binary_cross_entropy_with_logits(scores, torch.zeros_like(scores))
            case "wasserstein":
                return -scores.mean()
            case "non-saturating":
                return functional.softplus(-scores).mean()

    discriminator_loss, generator_loss = compile_function(discriminator_loss), compile_function(generator_loss)

    def step(batches: list[Any]) -> Any:
        report = torch.zeros(3)
        size = workload.batch_size
        for real, _ in batches:
            loss, real_score, fake_score = discriminator_loss(real, torch.randn(size, gan.latent_size), torch.rand(size, 1))
            discriminator_optimizer.zero_grad()
            loss.backward()
            discriminator_optimizer.step()
            report += torch.stack([loss.detach(), real_score.detach(), fake_score.detach()])
        discriminator.requires_grad_(False)
        loss = generator_loss(torch.randn(size, gan.latent_size))
        generator_optimizer.zero_grad()
        loss.backward()
        generator_optimizer.step()
        discriminator.requires_grad_(True)
        return torch.cat([report / len(batches), loss.detach()[None]])

    return step
