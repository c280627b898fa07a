"""Searching hyper-parameters with Optuna: fields of a task as a search space, and trials that end early.

It needs `pip install 'gantape[search]'`, and is imported separately.
"""

from gantape.search.space import Space, suggest
from gantape.search.trial_report import TrialReport

__all__ = ["Space", "TrialReport", "suggest"]
