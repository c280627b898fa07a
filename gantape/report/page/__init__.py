"""`report.html`: a run's pictures, curves and facts on one page that needs no network, brought up to date while it trains."""

from gantape.report.page.action import HTMLReport, html_report, write_html_report

__all__ = ["HTMLReport", "html_report", "write_html_report"]
