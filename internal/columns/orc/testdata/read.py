"""Prints the rows of ORC files, one JSON text a line, in the form that the Go tests compare: see render in values_test.go.

Called with the names of files; before the rows of each it prints "# " and the name. With --filter NAME OP VALUE before them it
prints how many rows a dataset scan with that filter gives, and their ids.
"""
import json
import struct
import sys

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from pyarrow import orc


def plain(a):
    """Returns the entries of an array as values of JSON."""
    t = a.type
    valid = a.is_valid().to_pylist()
    if pa.types.is_struct(t):
        fields = [plain(a.field(i)) for i in range(t.num_fields)]
        rows = [list(row) for row in zip(*fields)]
    elif pa.types.is_map(t):
        keys, items = plain(a.keys), plain(a.items)
        o = a.offsets.to_pylist()
        rows = [[list(e) for e in zip(keys[o[i]:o[i + 1]], items[o[i]:o[i + 1]])] for i in range(len(a))]
    elif pa.types.is_list(t):
        values, o = plain(a.values), a.offsets.to_pylist()
        rows = [values[o[i]:o[i + 1]] for i in range(len(a))]
    elif pa.types.is_timestamp(t):
        assert t.unit == "ns", t
        rows = a.cast(pa.int64()).to_pylist()
    elif pa.types.is_date32(t):
        rows = a.cast(pa.int32()).to_pylist()
    elif pa.types.is_decimal(t):
        rows = [None if d is None else str(int(d.scaleb(t.scale, context()))) for d in a.to_pylist()]
    elif pa.types.is_float64(t):
        rows = [None if f is None else "%016x" % struct.unpack(">Q", struct.pack(">d", f)) for f in a.to_pylist()]
    elif pa.types.is_float32(t):
        rows = [None if f is None else "%08x" % struct.unpack(">I", struct.pack(">f", f)) for f in a.to_pylist()]
    elif pa.types.is_binary(t):
        rows = [None if b is None else b.hex() for b in a.to_pylist()]
    else:
        rows = a.to_pylist()
    return [row if ok else None for row, ok in zip(rows, valid)]


def context():
    import decimal
    return decimal.Context(prec=60)


def rows_of(name):
    print("#", name)
    file = orc.ORCFile(name)
    print("## stripes", file.nstripes, "rows", file.nrows, "compression", file.compression, "version", file.file_version,
          "by", file.software_version)
    for i in range(file.nstripes):
        batch = file.read_stripe(i)
        for row in zip(*[plain(column) for column in batch.columns]):
            print(json.dumps(row, ensure_ascii=False, separators=(",", ":")))


def filtered(name, column, op, value, names):
    value = json.loads(value)
    if isinstance(value, list):
        value = pa.scalar(value[0]).cast(getattr(pa, value[1])())
    ops = {"=": pc.equal, "<": pc.less, ">": pc.greater}
    for name in names:
        table = ds.dataset(name, format="orc").to_table(filter=ops[op](pc.field(column), value), columns=["id"])
        print(table.num_rows, ",".join(str(i) for i in table["id"].to_pylist()))


def main():
    args = sys.argv[1:]
    if args[0] == "--filter":
        filtered(None, *args[1:4], args[4:])
        return
    for name in args:
        rows_of(name)


main()
