# syntax=docker/dockerfile:1

# The pages, migrations and zone data are inside the binary: beside it the second stage needs only the certificates by
# which providers are trusted.
FROM rust:1.95-slim-bookworm AS build
WORKDIR /belfry
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/belfry/target \
    cargo build --release --locked \
    && install -D --strip target/release/belfry /out/belfry

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /data --create-home belfry
COPY --from=build /out/belfry /usr/local/bin/belfry
USER belfry
VOLUME /data
# gRPC listens on 50051 where it is switched on: BELFRY_GRPC__LISTEN=0.0.0.0:50051.
EXPOSE 8080 50051
ENV BELFRY_LISTEN=0.0.0.0:8080 \
    BELFRY_DATA_DIR=/data
# `belfry health` asks the server of this container whether it is ready.
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s CMD ["belfry", "health"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["belfry"]
CMD ["serve"]
