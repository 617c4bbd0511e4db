"""Your own data: a .yml file with a scheme, and lists of faces."""
