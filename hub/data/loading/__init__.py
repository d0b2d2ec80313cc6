"""Loading of batches from a dataset: sampler, pipeline, collate, loader."""
