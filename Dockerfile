# syntax=docker/dockerfile:1

# One image for the API, the workers and the migrations; the command of a container chooses.
#
# PyTorch: from the default index, Linux on x86-64 gets the build with CUDA, which also runs on CPUs. The
# CPU build is some gigabytes smaller; PyTorch's install page names its index:
#   docker build --build-arg TORCH_REQUIREMENT=torch==2.13.0+cpu --build-arg TORCH_INDEX=<that index> .
ARG PYTHON_IMAGE=python:3.11-slim
ARG NODE_IMAGE=node:24-slim

FROM ${NODE_IMAGE} AS dashboard
WORKDIR /opt/seedbed/dashboard
COPY dashboard/package.json dashboard/package-lock.json ./
RUN --mount=type=cache,target=/root/.npm npm ci --no-audit --no-fund
COPY dashboard/ ./
RUN npm run build

FROM ${PYTHON_IMAGE} AS server
ARG TORCH_REQUIREMENT=torch==2.13.0
ARG TORCH_INDEX=
ENV PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /opt/seedbed
RUN python3 -m venv venv
COPY requirements.lock ./
RUN --mount=type=cache,target=/root/.cache/pip \
    venv/bin/pip install --require-hashes --no-deps --only-binary :all: -r requirements.lock
RUN --mount=type=cache,target=/root/.cache/pip \
    venv/bin/pip install ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} "$TORCH_REQUIREMENT"
COPY pyproject.toml README.md LICENSE ./
COPY core/ core/
COPY control/ control/
COPY migrations/ migrations/
COPY api/ api/
COPY worker/ worker/
COPY standalone/ standalone/
RUN venv/bin/pip install --no-deps --no-build-isolation --editable . \
    && venv/bin/python -m compileall -q api control core migrations standalone worker

FROM ${PYTHON_IMAGE}
RUN useradd --system --uid 10001 --create-home --home-dir /var/lib/seedbed seedbed
COPY --from=server /opt/seedbed /opt/seedbed
COPY --from=dashboard /opt/seedbed/dashboard/dist /opt/seedbed/dashboard/dist
ENV PATH=/opt/seedbed/venv/bin:$PATH \
    SEEDBED_DASHBOARD_DIRECTORY=/opt/seedbed/dashboard/dist \
    SEEDBED_CACHE_DIRECTORY=/var/lib/seedbed/cache \
    SEEDBED_LOG_FORMAT=json
USER seedbed
WORKDIR /var/lib/seedbed
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s \
    CMD ["python3", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
ENTRYPOINT ["seedbed-server"]
CMD ["api", "--host", "0.0.0.0", "--port", "8000"]
