"""Everything that installs and starts the loop: local servers, images, the Helm chart."""
