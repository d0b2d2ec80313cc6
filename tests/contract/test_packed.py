from __future__ import annotations

import pickle

from hypothesis import given
from hypothesis import strategies as st

from hub.data import PackedBytes


@given(st.lists(st.binary(max_size=20)))
def test_packed_bytes_gives_back_what_was_packed(items):
    packed = PackedBytes.pack(items)
    assert [packed[i] for i in range(len(packed))] == items
    copy = pickle.loads(pickle.dumps(packed))  # as a worker process gets it
    assert [copy[i] for i in range(len(copy))] == items
