"""Who you are, which team, may you."""
