"""Planning, prompts, parsing, filters and merging of what a teacher writes."""
