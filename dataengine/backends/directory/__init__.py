"""The store in a folder, and a cache of files."""
