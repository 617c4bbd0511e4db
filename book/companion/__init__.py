"""What the book says of the paper: experiments, evidence, exhibits and text."""
