"""Findings, fragments of pages, and the numbers in the prose."""
