//! Minimal reference servers, one file per model of arranging threads and their waiting.
