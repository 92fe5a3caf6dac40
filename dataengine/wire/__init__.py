"""Between core values and bytes: events as protobuf messages, documents as JSON."""
