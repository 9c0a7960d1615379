"""autoencoder: the run's photos → an autoencoder of them, and how well it keeps what it never saw.

Later stages of this run, or of others, use it with `model.autoencoder=<run>/autoencoder`.
"""

from __future__ import annotations

