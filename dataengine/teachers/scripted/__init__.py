"""How the embedded teacher reads prompts, understands annotations, and finds questions by analogy."""
