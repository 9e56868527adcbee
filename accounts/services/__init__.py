"""What changes rows of this app. One module for each noun."""
