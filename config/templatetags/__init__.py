"""Template tags of the pages that the server renders."""
