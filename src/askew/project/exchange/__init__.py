"""Labels out to other tools and in from them: one kind of row, and one file for each format."""
