"""The loop on a real single-node Kubernetes of this machine: containers, kubelet, Services, the chart."""
