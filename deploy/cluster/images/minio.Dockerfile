FROM localhost/dataengine-base
COPY minio /usr/bin/minio
USER 65532:65532
CMD ["minio", "server", "/data", "--address", ":9000"]
