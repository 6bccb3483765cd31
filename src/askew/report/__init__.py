"""What the labels bought: curves, label savings and class counts of an experiment, on one self-contained page."""
