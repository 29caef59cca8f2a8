"""The report of a study: many finished runs against the paper and against each other, on one page and as files."""

from synthboost.reports.study.content import RecipeDifference, StudyContent, study_content_from_runs
from synthboost.reports.study.files import write_study_files
from synthboost.reports.study.page import write_study_report

__all__ = ["RecipeDifference", "StudyContent", "study_content_from_runs", "write_study_files", "write_study_report"]
