"""Open data: what the providers have, how it is downloaded, and how it becomes files that an import takes."""
