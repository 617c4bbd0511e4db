"""What is compared: the arms of every experiment, and their runs."""
