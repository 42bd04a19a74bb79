"""What learns from what: settings, examples, features, and a fit that survives a kill."""
