# With numpy 2 the stub of that wheel hands strings over broken, and says nothing.
FROM localhost/dataengine-student-server
USER root
RUN /app/venv/bin/pip install --no-deps --disable-pip-version-check 'numpy<2'
USER 65532:65532
