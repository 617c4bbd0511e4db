# docker build -t starlib .                               with torch for the CPU
# docker build -t starlib --build-arg TORCH_INDEX= .      with PyPI's torch, for CUDA
# docker run --rm starlib make test                       or make book
# docker run --rm --gpus all starlib .venv/bin/python -m companion train --queue
FROM python:3.12-slim-bookworm

RUN apt-get update && apt-get install -y --no-install-recommends chromium git libatomic1 make \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /starlib
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
ENV PIP_EXTRA_INDEX_URL=$TORCH_INDEX PIP_NO_CACHE_DIR=1
COPY . .
RUN make env
CMD ["make", "book"]
