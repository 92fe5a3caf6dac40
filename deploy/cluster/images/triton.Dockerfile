# tritonserver from the PyPI wheel `nvidia-pytriton`, laid out as in the official image: what BASE_IMAGE is for the
# student's server where that image cannot be had.
FROM localhost/dataengine-torch
ARG VERSION
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install --target /tmp/wheel --no-deps --disable-pip-version-check nvidia-pytriton==${VERSION} && \
    mv /tmp/wheel/pytriton/tritonserver /opt/tritonserver && rm -rf /tmp/wheel && \
    cp /opt/tritonserver/python_backend_stubs/3.11/triton_python_backend_stub /opt/tritonserver/backends/python/
ENV PATH=/opt/tritonserver/bin:$PATH
