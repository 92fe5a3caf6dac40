"""Values, the loop's decisions, the error tree and the ports. Standard library only, no I/O."""
