"""Operations on annotations: boxes, masks, packing, semantic maps from masks."""
