"""What changes vaults, one module for each noun; `heads` locks and projects for all."""
