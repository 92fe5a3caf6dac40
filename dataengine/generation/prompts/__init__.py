"""The prompts: text files, known by the digest of what is in them."""
