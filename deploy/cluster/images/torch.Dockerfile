# Python with torch for nodes without a GPU: what only a GPU would load, most of the wheel, is taken out. Images of the
# trainer and of the student's server share it; on GPUs take an official image as BASE_IMAGE instead.
FROM localhost/dataengine-base
COPY constraints.txt /tmp/constraints.txt
RUN --mount=type=cache,target=/root/.cache/pip \
    apt-get update -q && apt-get install -y -q --no-install-recommends python3-pip libpython3.11 && \
    pip install --break-system-packages --disable-pip-version-check --constraint /tmp/constraints.txt torch && \
    cd /usr/local/lib/python3.11/dist-packages && \
    rm -rf triton torch/include nvidia/*/include && \
    find nvidia -name '*.a' -delete && \
    find nvidia -name 'libcudnn_*' -delete && \
    find nvidia \( -name 'libcusolver*' -o -name 'libnvJitLink*' -o -name 'libnvperf*' -o -name 'libnvshmem_device*' \
        -o -name '*.bc' \) -delete && \
    python3 -c 'import torch; torch.ones(3).sum().item()' && \
    apt-get clean && rm -rf /var/lib/apt/lists/*
