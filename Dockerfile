# syntax=docker/dockerfile:1
#
# The image of countersign: one program, the three libraries that it links, and the notices. No shell, no package
# manager, no user database; it runs as 65532 and needs nothing that can be written.
#
#   docker build -t countersign .
#   docker run --rm --read-only --cap-drop ALL -p 8443:8443 -v "$PWD/policies:/policies:ro" \
#     countersign serve --policies /policies
#
# glibc rather than a static musl build: admission allocates on many threads, which musl's allocator largely serialises, and
# the resolver is the one that clusters are tested with. So the libraries are copied from the stage that linked against
# them: the same files, and no second distribution to patch.

FROM rust:1.95-bookworm AS build
WORKDIR /build
# rust-toolchain.toml says `stable`; this is the one the image holds, so that rustup fetches nothing.
ENV RUSTUP_TOOLCHAIN=1.95.0
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/build/target \
    cargo build --locked --profile dist --bin countersign \
 && install -D -m 0755 target/dist/countersign /image/countersign
# `ldd` names what the program was linked with, the loader included; their places stay the same.
RUN ldd /image/countersign | grep -oE '/[^ ]+' | sort -u | while read -r library; do \
      install -D -m 0755 "$library" "/image$library"; \
    done \
 && mkdir -p /image/etc \
 && echo 'hosts: files dns' > /image/etc/nsswitch.conf \
 && install -D -m 0644 LICENSE /image/LICENSE \
 && ! ldd /image/countersign | grep 'not found'

FROM scratch
COPY --from=build /image/ /
USER 65532:65532
EXPOSE 8443
ENTRYPOINT ["/countersign"]
