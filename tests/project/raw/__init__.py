"""Raw data: recorded, verified, restored and guarded."""
