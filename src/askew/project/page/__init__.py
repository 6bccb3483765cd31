"""The page on which people answer: a small server, one page, one script, one style sheet, nothing from elsewhere."""
