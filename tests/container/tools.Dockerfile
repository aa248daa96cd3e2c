# What plays the app and its provider in these tests.
ARG BASE=debian:bookworm-slim
FROM ${BASE}
RUN apt-get update -qq \
    && apt-get install -y -qq --no-install-recommends ca-certificates curl python3 \
    && rm -rf /var/lib/apt/lists/*
USER 2000:2000
