"""From a dataset to batches: sampler, pipeline, collate, loader."""
