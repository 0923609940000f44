//! What the honest test cannot reach: a leader that dies in between, and stale reads.
