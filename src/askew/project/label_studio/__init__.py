"""Questions to Label Studio and answers back: tasks with a guess, annotations that become labels."""
