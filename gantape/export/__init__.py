"""Trained networks for other programs: `.keras`, SavedModel, ONNX and TFLite files, and a folder for the Hugging Face Hub.

The core does not import it, and formats that need further packages are installed by `pip install 'gantape[export]'`.
"""

from gantape.export.files import ExportedFile, export_model, export_task
from gantape.export.formats import FormatName
from gantape.export.hub import write_hub_folder
from gantape.export.standalone import standalone

__all__ = ["ExportedFile", "FormatName", "export_model", "export_task", "standalone", "write_hub_folder"]
