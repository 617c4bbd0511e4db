"""A trained network on pictures, and drawing what it finds."""
