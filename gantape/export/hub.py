"""A folder as the Hugging Face Hub expects it: the model in Keras' own layout, and a card with the record of the run."""

import importlib
import json
import re
import shutil
import tempfile
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import attrs
import keras
from jinja2 import Environment, PackageLoader, StrictUndefined

from gantape import __version__
from gantape.checkpoints.run_directory import RECORD, RunDirectory
from gantape.errors import ExportError
from gantape.export.files import classes_outside_keras, export_model, write_checked, writing
from gantape.export.formats import FORMATS, FormatName
from gantape.export.standalone import with_names
from gantape.export.symbolic import is_image
from gantape.report.page import facts
from gantape.report.page.messages import messages
from gantape.report.page.run import RunFiles
from gantape.shapes import dtype_name
from gantape.types import Model

CARD = "README.md"
SECRET = ("command_line", "arguments", "program")
"""What the record of a run says about the machine that it was trained on, and is not published."""
_PICTURES = {"samples.png": "Samples", "interpolation.png": "Interpolations between pairs of latents"}
_COPIED = {
    "metrics.csv": "losses and metrics during the run",
    "evaluation.json": "figures of the samples, with intervals",
    "interpolation.png": "interpolations between pairs of latents",
    "samples.gif": "samples in the course of training",
}
_OF_KERAS = {
    "config.json": "the model, as Keras describes it",
    "metadata.json": "the version of Keras",
    "model.weights.h5": "the weights",
}
_WRITTEN = {
    RECORD: "the record of the run: hyper-parameters, data, versions, speed",
    "samples.png": "samples at the end of the run",
}


def write_hub_folder(
    model: Model, run_dir: str | Path, folder: str | Path, *, formats: Iterable[FormatName] = (), license_id: str | None = None
) -> Path:
    """Write a model and the record of its run as a repository of the Hugging Face Hub.

    The model has the layout in which `keras.saving.load_model("hf://USER/NAME")` finds it. `README.md`, the card, has metadata
    for the Hub, samples, a program that uses the model, the record of the run without its command line, and figures of its
    quality if they were measured. `hf upload USER/NAME FOLDER` publishes the folder.

    Args:
        model: The model, as `standalone` makes it.
        run_dir: The directory of the run that trained it.
        folder: The folder to write; files in it are replaced.
        formats: Further formats in which the folder holds the model.
        license_id: The licence, by its name at the Hub, such as "apache-2.0"; by default the card names none.

    Returns:
        The card.

    Raises:
        ExportError: If a file cannot be written or computes something else, or if `huggingface_hub` is not installed.
        RunDirectoryError: If there is no run.
    """
    source, target, named = Path(run_dir), Path(folder), with_names(model)
    record = RunDirectory(source).read()
    run = RunFiles.read(source)
    metadata = _metadata(run, named, license_id)
    with writing(target):
        with tempfile.TemporaryDirectory(dir=target) as made:
            write_checked(named, Path(made, "model"), _FOLDER)
            for name in _OF_KERAS:
                Path(made, "model", name).replace(target / name)
        exported = export_model(named, target / "model", formats=formats)
        (target / RECORD).write_text(json.dumps(_public(record), indent=2))
        pictures = sorted((source / "samples").glob("step-*.png"))
        if pictures:
            shutil.copyfile(pictures[-1], target / "samples.png")
        for name in _COPIED:
            if (source / name).is_file():
                shutil.copyfile(source / name, target / name)
        described = {**_OF_KERAS, **_WRITTEN, **_COPIED}
        files = [(name, text) for name, text in described.items() if (target / name).exists()]
        files += [(file.path.name, f"the model in the format {file.format}") for file in exported]
        card = target / CARD
        card.write_text(_card(run, named, metadata, files), encoding="utf-8")
    return card


def _save_folder(model: Any, path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of NumPy, about how Keras 3.15 reads variables
        keras.saving.save_model(model, path, zipped=False)


_FOLDER = attrs.evolve(FORMATS["keras"], ending="", write=_save_folder)


def _metadata(run: RunFiles, model: Any, license_id: str | None) -> str:
    """The metadata of the card, as YAML, from the library of the Hub."""
    try:
        cards: Any = importlib.import_module("huggingface_hub")
    except ImportError as error:
        raise ExportError(
            "the package that knows the metadata of a card is not installed.",
            where="gantape.export.write_hub_folder",
            got=str(error),
            do="pip install 'gantape[huggingface]'.",
        ) from None
    kind, data = _kind(model), str(run.section("data").get("name", "")).removesuffix(" train")
    results = [
        cards.EvalResult(
            task_type=kind or "other",
            dataset_type=_slug(data),
            dataset_name=data,
            metric_type=_slug(name),
            metric_name=name,
            metric_value=value,
        )
        for name, value in _figures(run)
        if data
    ]
    found = cards.ModelCardData(
        library_name="keras",
        license=license_id,
        pipeline_tag=kind,
        tags=["gantape", "tensorflow", *(["gan"] if "latents" in model.input else [])],
        model_name=f"{run.task} on {data}" if data else run.task,
        eval_results=results or None,
    )
    return str(found.to_yaml()).strip()


def _kind(model: Any) -> str | None:
    """The Hub's name for what a model does; `None` if it has none."""
    takes, makes = any(map(is_image, model.input.values())), "images" in model.output
    if makes:
        return "image-to-image" if takes else "unconditional-image-generation"
    return "image-classification" if takes and "probabilities" in model.output else None


def _figures(run: RunFiles) -> list[tuple[str, float]]:
    """Figures of quality: those of the test split, and those of judged samples."""
    found = {f"test {name}": value for name, value in run.section("test").items()}
    measured = run.evaluation.get("measurements")
    for item in measured if isinstance(measured, list) else []:
        if isinstance(item, dict):
            found[str(item.get("name", ""))] = item.get("value")
    return [(name, float(value)) for name, value in found.items() if name and isinstance(value, int | float)]


def _card(run: RunFiles, model: Any, metadata: str, files: list[tuple[str, str]]) -> str:
    data = str(run.section("data").get("name", "")).removesuffix(" train")
    there = dict(files)
    tables = facts.settings(attrs.evolve(run, record=_public(run.record)))
    settings = [(f"{title.lower()}: {name}", value) for title, rows in tables for name, value in rows]
    rows = [
        (side, f"`{name}`", _shape(tensor), dtype_name(tensor))
        for side, tensors in (("takes", model.input), ("returns", model.output))
        for name, tensor in tensors.items()
    ]
    environment = Environment(
        loader=PackageLoader("gantape.export", "assets"), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template(f"{CARD}.j2").render(
        metadata=metadata,
        title=_line(f"{run.task} on {data}" if data else run.task),
        what=_line(f"{facts.summary(run)}."),
        pictures=[(name, text) for name, text in _PICTURES.items() if name in there],
        example=_example(model),
        signature=rows,
        needs=classes_outside_keras(model),
        version=__version__,
        facts=[(_line(name), _line(value)) for name, value in settings],
        figures=[(_line(name), f"{value:.4g}") for name, value in _figures(run)],
        remarks=[_line(f"{message.title.rstrip('.')}. {message.text}").rstrip() for message in messages(run)],
        files=files,
    )


def _public(record: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name not in SECRET}


def _example(model: Any) -> str:
    """Lines of Python that call a model."""
    arguments = []
    for name, tensor in model.input.items():
        shape = ", ".join(["16", *(str(size or 16) for size in tensor.shape[1:])])
        kind = dtype_name(tensor)
        numbers = f"np.random.normal(size=({shape}))" if name == "latents" else f"np.zeros(({shape}))"
        if "float" not in kind:
            numbers = f"np.zeros(({shape},), int)" if len(tensor.shape) == 1 else f"np.zeros(({shape}), int)"
        arguments.append(f'"{name}": {numbers}.astype("{kind}")')
    return f'made = model({{{", ".join(arguments)}}})\n{next(iter(model.output))} = made["{next(iter(model.output))}"]'


def _shape(tensor: Any) -> str:
    return " × ".join(["batch", *("any" if size is None else str(size) for size in tensor.shape[1:])])


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def _line(text: str) -> str:
    """Text that stays in its line and its cell of a table."""
    return re.sub(r"\s+", " ", text).replace("|", "\\|")
