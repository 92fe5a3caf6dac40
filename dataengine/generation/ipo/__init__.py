"""Interactive Prompt Optimization, without hands: criticise, sample, judge, change, until failures stop falling."""
