"""What changes vaults. `heads` locks, cuts and projects for the others; one module for each noun."""
