"""A notebook and its parameters in, a published page out."""
