"""What the records say: effects, verdicts, tables, figures, fragments of pages."""
