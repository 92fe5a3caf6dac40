# Kafka from its Maven jars. It writes to /data, and is told what it is by /etc/kafka/server.properties.
FROM localhost/dataengine-base
RUN mkdir -p /usr/share/man/man1 && apt-get update -q && \
    apt-get install -y -q --no-install-recommends openjdk-17-jre-headless && \
    apt-get clean && rm -rf /var/lib/apt/lists/*
COPY jars /opt/kafka
USER 65532:65532
CMD ["sh", "-c", "test -f /data/log/meta.properties || java -cp '/opt/kafka/*' kafka.tools.StorageTool format \
    --cluster-id dataengine-kafka-00001 --config /etc/kafka/server.properties; \
    exec java -Xms64m -Xmx384m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -cp '/opt/kafka/*' kafka.Kafka /etc/kafka/server.properties"]
