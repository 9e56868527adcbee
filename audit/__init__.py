"""The log, and CloudTrail beside it."""
