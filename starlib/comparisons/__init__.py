"""What STAR loss is compared with, one method a file; `reference` holds the literal equations."""
