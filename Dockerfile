# Chibo as an image: the wheel with its page for browsers is built in the first stage; the second
# holds what runs and nothing that builds, under a user without rights.

FROM python:3.13-slim AS build
WORKDIR /source
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
COPY requirements-installer.txt requirements-page.txt requirements.txt ./
RUN pip install --require-hashes -r requirements-installer.txt -r requirements-page.txt \
    && python -m venv --without-pip /opt/chibo \
    && uv pip install --no-cache --python /opt/chibo --require-hashes -r requirements.txt
COPY . .
RUN pip wheel --no-deps --no-build-isolation --wheel-dir /wheels . \
    && uv pip install --no-cache --compile-bytecode --no-deps --python /opt/chibo /wheels/*.whl

FROM python:3.13-slim
RUN useradd --system --uid 10001 --home-dir /var/lib/chibo --create-home chibo
COPY --from=build /opt/chibo /opt/chibo
ENV PATH=/opt/chibo/bin:$PATH PYTHONUNBUFFERED=1 CHIBO_HOME=/var/lib/chibo
USER 10001
WORKDIR /var/lib/chibo
VOLUME /var/lib/chibo
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=6 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
ENTRYPOINT ["chibo"]
CMD ["serve", "--host", "0.0.0.0"]
