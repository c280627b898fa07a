"""Reports of a run: images, plots and saved models, as actions for `gantape.Callback`. The core does not import it."""

from gantape.report.animation import Animation, save_animation
from gantape.report.grids import SampleGrids, image_grid, save_picture
from gantape.report.interpolation import Interpolation, spherical_path
from gantape.report.models import SavedModels
from gantape.report.notebook import show_samples
from gantape.report.page import HTMLReport, html_report, write_html_report
from gantape.report.standard import report_adversarial, report_images, report_supervised

__all__ = [
    "Animation",
    "HTMLReport",
    "Interpolation",
    "SampleGrids",
    "SavedModels",
    "html_report",
    "image_grid",
    "report_adversarial",
    "report_images",
    "report_supervised",
    "save_animation",
    "save_picture",
    "show_samples",
    "spherical_path",
    "write_html_report",
]
