# One static program on an empty image: nothing else to patch, no shell to break into.
#
# Static against glibc, not musl: aws-lc and the hashing build with the plain compiler of this image, glibc's allocator
# holds under many threads, and since 2.34 its resolver for hosts and DNS is inside the static library.

FROM rust:1.95-bookworm AS build
WORKDIR /source
COPY . .
# A named target keeps the flag away from build scripts and macros.
RUN triple=$(rustc -vV | sed -n 's/^host: //p') && \
    RUSTFLAGS="-C target-feature=+crt-static" cargo build --locked --release --bin realmkeep --target "$triple" && \
    cp "target/$triple/release/realmkeep" /realmkeep

FROM scratch
COPY --from=build /realmkeep /realmkeep
# Nobody's number: it needs no home and no name.
USER 65532:65532
# HTTP, TLS, health and metrics.
EXPOSE 8080 8443 9000
ENTRYPOINT ["/realmkeep"]
CMD ["start"]
