"""The named arms of every experiment; runs, their records and their provenance."""
