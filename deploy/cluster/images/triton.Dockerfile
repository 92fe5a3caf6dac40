# tritonserver from the PyPI wheel `nvidia-pytriton`, laid out as in the official image: what BASE_IMAGE is for the
# student's server where that image cannot be had.
FROM localhost/dataengine-torch
ARG VERSION
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install --target /opt/wheel --no-deps --disable-pip-version-check nvidia-pytriton==${VERSION}
# links: server and stub find the wheel's libraries from where they really lie
RUN ln -s /opt/wheel/pytriton/tritonserver /opt/tritonserver && \
    ln -s /opt/tritonserver/python_backend_stubs/3.11/triton_python_backend_stub /opt/tritonserver/backends/python/
ENV PATH=/opt/tritonserver/bin:$PATH
