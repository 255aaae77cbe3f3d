# Gateway and PEKAT simulator in one small image; runs as an unprivileged user.
# Extras: docker build --build-arg EXTRAS=genicam,video . GigE Vision cameras are found with --network host only.
FROM python:3.12-slim AS build
ARG EXTRAS=""
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY gateway ./gateway
COPY mappings ./mappings
RUN python -m venv /opt/gateway && /opt/gateway/bin/pip install --no-cache-dir ".${EXTRAS:+[$EXTRAS]}"

FROM python:3.12-slim
RUN useradd --system --uid 10001 --home-dir /var/lib/pekat-gateway --create-home pekat
COPY --from=build /opt/gateway /opt/gateway
ENV PATH=/opt/gateway/bin:$PATH PYTHONUNBUFFERED=1
USER pekat
WORKDIR /var/lib/pekat-gateway
EXPOSE 5020 4840 8000
# The Modbus port answers only while the event loop runs; map_signature is register 0.
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 \
    CMD ["pekat-gateway", "probe", "--port", "5020"]
ENTRYPOINT ["pekat-gateway"]
CMD ["run", "/etc/pekat-gateway/gateway.toml"]
