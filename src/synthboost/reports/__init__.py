"""Reports of finished runs: tables, figures, pictures, one HTML page. Pure functions of run folders."""

from synthboost.reports.content import ReportContent, content_from_runs
from synthboost.reports.page import write_report

__all__ = ["ReportContent", "content_from_runs", "write_report"]
