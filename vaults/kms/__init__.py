"""Key providers: a library that knows no app. See README.md."""
