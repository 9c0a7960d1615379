"""Photos to descriptors: which parts are visible, and where."""
