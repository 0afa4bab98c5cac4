"""Checks a long file, stripe by stripe, against what its columns are made by: see TestPyarrowReadsMillionsOfRows."""
import sys

import pyarrow as pa
from pyarrow import orc

file, rows = orc.ORCFile(sys.argv[1]), int(sys.argv[2])
assert file.nrows == rows, file.nrows
at = 0
for stripe in range(file.nstripes):
    t = file.read_stripe(stripe)
    i = range(at, at + t.num_rows)
    at += t.num_rows
    assert t["id"].to_pylist() == list(i)
    assert t["word"].to_pylist() == ["word%d" % (k % 1000) for k in i]
    assert t["text"].to_pylist() == ["text %d" % (k * 2654435761 % 1_000_000_007) for k in i]
    assert t["half"].to_pylist() == [k / 2 for k in i]
    assert t["list"].to_pylist() == [list(range(k, k + k % 4)) for k in i]
    assert t["maybe"].to_pylist() == [k * 2654435761 % 100_003 if k % 3 else None for k in i]
    assert t["at"].cast(pa.int64()).to_pylist() == [(k - 2_500_000) * 10**9 + k % 1000 * 1000 for k in i]
    assert [int(d * 100) for d in t["n"].to_pylist()] == [k * k * 1000 for k in i]
assert at == rows
print(file.nstripes, "stripes")
