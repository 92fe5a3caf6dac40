# The embedded teacher behind an OpenAI-compatible address.
FROM localhost/dataengine-generator
COPY __init__.py /app/code/deploy/__init__.py
COPY local /app/code/deploy/local
CMD ["python", "-m", "deploy.local.teacher", "--host", "0.0.0.0", "--port", "8008"]
