"""Tables, figures, and what the pages to play with read."""
