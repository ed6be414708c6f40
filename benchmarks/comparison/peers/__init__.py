"""What the public list is compared with: other ways to serve the same postings, a process each."""
