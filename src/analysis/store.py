"""The four tables on disk or object storage: append, read as of a moment, purge. (Being written.)"""
