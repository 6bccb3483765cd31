"""What leaves askew for people and their tools: tables, pictures, timelines, first guesses for labelling tools."""
