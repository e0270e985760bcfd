# An image that trains, on the CPU unless TORCH_INDEX says otherwise. docs/install.md has the commands.
ARG PYTHON=3.13

FROM python:${PYTHON}-slim AS wheel
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY synapse_hooks ./synapse_hooks
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

FROM python:${PYTHON}-slim
# Wheels for the CPU are smaller than those with CUDA, which need NVIDIA's container runtime. With CUDA:
# --build-arg TORCH_INDEX=https://download.pytorch.org/whl/cu130, and docker run --gpus all
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
RUN pip install --no-cache-dir --index-url "${TORCH_INDEX}" torch torchvision
COPY --from=wheel /wheels /wheels
# ultralytics asks for the OpenCV with windows, whose system libraries are not in a slim image; both have the same files.
RUN pip install --no-cache-dir "$(ls /wheels/*.whl)[demo]" \
    && pip uninstall --yes opencv-python \
    && pip install --no-cache-dir --force-reinstall --no-deps opencv-python-headless

RUN useradd --create-home --uid 1000 trainer \
    && mkdir /workspace /project \
    && chown trainer:trainer /workspace /project
USER trainer
ENV SYNAPSE_WORKSPACE=/workspace \
    PYTHONUNBUFFERED=1
VOLUME /workspace
WORKDIR /project
ENTRYPOINT ["synapse-hooks"]
CMD ["--help"]
