"""A person's own images: who asks, who answers, and what is learned while they go on."""
