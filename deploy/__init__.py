"""Everything that installs and starts the engine: local servers, images, the Helm chart."""
