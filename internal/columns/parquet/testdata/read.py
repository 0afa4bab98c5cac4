"""Prints the values of Parquet files with pyarrow: beside each FILE a FILE.pyarrow, a JSON array for each row.

Every value is a string: numbers in decimal, fractions as the bits of a double, text and bytes in hexadecimal, a date in
days and a timestamp in nanoseconds since 1970, a decimal without its point. Lists and structs are arrays, and so are maps,
of pairs.
"""

import json
import struct
import sys

import pyarrow as pa
import pyarrow.parquet as pq


def bits(value):
    if value is None:
        return None
    return "nan" if value != value else struct.pack(">d", value).hex()


def unscaled(value):
    if value is None:
        return None
    sign, digits, _ = value.as_tuple()
    number = int("".join(map(str, digits)))
    return str(-number if sign else number)


def present(array, values):
    return [value if there else None for value, there in zip(values, array.is_valid().to_pylist())]


def plain(array):
    """Returns the values of an array as the file's description says."""
    kind = array.type
    if pa.types.is_struct(kind):
        members = [plain(array.field(i)) for i in range(kind.num_fields)]
        return present(array, map(list, zip(*members)))
    if pa.types.is_map(kind) or pa.types.is_list(kind):
        if pa.types.is_map(kind):
            elements = list(map(list, zip(plain(array.keys), plain(array.items))))
        else:
            elements = plain(array.values)
        ends = array.offsets.to_pylist()
        return present(array, [elements[a:b] for a, b in zip(ends, ends[1:])])
    if pa.types.is_boolean(kind):
        return [None if v is None else str(v).lower() for v in array.to_pylist()]
    if pa.types.is_floating(kind):
        return [bits(v) for v in array.to_pylist()]
    if pa.types.is_decimal(kind):
        return [unscaled(v) for v in array.to_pylist()]
    if pa.types.is_string(kind) or pa.types.is_binary(kind):
        return [None if v is None else v.hex() for v in array.cast(pa.binary()).to_pylist()]
    if pa.types.is_date32(kind):
        array = array.cast(pa.int32())
    if pa.types.is_timestamp(kind):
        array = array.cast(pa.int64())
    return [None if v is None else str(v) for v in array.to_pylist()]


for name in sys.argv[1:]:
    with open(name + ".pyarrow", "w", newline="\n") as out:
        for batch in pq.ParquetFile(name).iter_batches(batch_size=50000):
            for row in zip(*[plain(column) for column in batch.columns]):
                out.write(json.dumps(row, separators=(",", ":")) + "\n")
