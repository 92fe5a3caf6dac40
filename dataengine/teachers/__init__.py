"""Who writes questions and answers: OpenAI-compatible endpoints, and a scripted one that knows annotations."""
