"""First-party exposure, one source a file: visits that came to the publisher's own pages."""
