# The service as an image.
#
#     docker build -t tollgate .
#     docker run --read-only --cap-drop=ALL -p 127.0.0.1:8080:8080 -e SANDBOX=on -v tollgate-data:/data tollgate
#
# It writes to /data and nowhere else. docs/deploy.md says how it is run with real money; tests/image/rehearse plays
# the steps of the last stage where there is no container engine.

# What the service runs on: glibc 2.36 or newer and libgcc_s, nothing else. It is the Debian that it is built on.
ARG BASE=debian:bookworm-slim

# The version is that of rust-toolchain.toml: another one would be fetched at each build.
FROM rust:1.95.0-bookworm AS build
WORKDIR /src
# .cargo/config.toml comes along: without it SQLite is built with other flags.
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --locked --release -p tollgate \
    && install -D -m 0755 target/release/tollgate /out/tollgate \
    && install -d -m 0700 /out/owned/data

FROM ${BASE}
ARG VERSION=0.1.0
ARG REVISION=
LABEL org.opencontainers.image.title="Tollgate" \
      org.opencontainers.image.description="Accounts, plans, payments by Alipay, WeChat Pay and Stripe, API keys, quotas and usage" \
      org.opencontainers.image.source="https://github.com/tollgate-rs/tollgate" \
      org.opencontainers.image.documentation="https://github.com/tollgate-rs/tollgate/blob/main/docs/deploy.md" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# Certificate authorities: by these the gateways and the receivers of events are believed.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/tollgate /tollgate
# The folder in it, /data, belongs to the user; a new volume takes that over.
COPY --from=build --chown=10001:10001 /out/owned/ /
USER 10001:10001
ENV ADDR=0.0.0.0:8080 DATA_DIR=/data
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["/tollgate", "healthcheck"]
# What runs may finish within 9 seconds of it: give it more, `docker stop -t 20`.
STOPSIGNAL SIGTERM
ENTRYPOINT ["/tollgate"]
CMD ["serve"]
