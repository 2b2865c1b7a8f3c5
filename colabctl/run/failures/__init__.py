"""How a failure is described: the error in one line, and a traceback that starts in user code."""
