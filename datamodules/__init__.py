"""LightningDataModules, and what they are made of."""
