import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.sql.Timestamp;
import java.util.ArrayList;
import java.util.List;
import java.util.TimeZone;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.apache.orc.storage.common.type.HiveDecimal;
import org.apache.orc.storage.ql.exec.vector.*;
import org.apache.orc.storage.ql.io.sarg.PredicateLeaf;
import org.apache.orc.storage.ql.io.sarg.SearchArgument;
import org.apache.orc.storage.ql.io.sarg.SearchArgumentFactory;
import org.apache.orc.storage.serde2.io.HiveDecimalWritable;
import org.apache.orc.OrcFile;
import org.apache.orc.Reader;
import org.apache.orc.RecordReader;
import org.apache.orc.TypeDescription;

/**
 * Prints the rows of ORC files as testdata/read.py does, by Apache's Java reader. With --search COLUMN OP TYPE VALUE,
 * any number of times, before the files it prints, for each search and file, which rows that reader does not skip, as ranges of
 * the first column, which must be row numbers; OP is =, < or null.
 * With --seek it reads every row by a seek of its own, in steps backwards through the file.
 */
public class Read {
    public static void main(String[] args) throws Exception {
        TimeZone.setDefault(TimeZone.getTimeZone("UTC"));
        Configuration conf = new Configuration();
        if (args[0].equals("--search")) {
            int files = 0;
            while (args[files].equals("--search")) {
                files += 5;
            }
            for (int s = 0; s < files; s += 5) {
                for (int i = files; i < args.length; i++) {
                    System.out.println(search(conf, args[i], argument(args[s + 1], args[s + 2], args[s + 3], args[s + 4]), args[s + 1]));
                }
            }
            return;
        }
        boolean seek = args[0].equals("--seek");
        for (int i = seek ? 1 : 0; i < args.length; i++) {
            System.out.println("# " + args[i]);
            Reader reader = OrcFile.createReader(new Path(args[i]), OrcFile.readerOptions(conf).convertToProlepticGregorian(true));
            if (seek) {
                seek(reader);
            } else {
                read(reader);
            }
        }
    }

    static void read(Reader reader) throws Exception {
        RecordReader rows = reader.rows();
        VectorizedRowBatch batch = reader.getSchema().createRowBatch();
        StringBuilder out = new StringBuilder();
        while (rows.nextBatch(batch)) {
            for (int r = 0; r < batch.size; r++) {
                row(out, reader.getSchema(), batch, r);
                System.out.println(out);
                out.setLength(0);
            }
        }
    }

    static void seek(Reader reader) throws Exception {
        int total = (int) reader.getNumberOfRows();
        String[] lines = new String[total];
        RecordReader rows = reader.rows();
        VectorizedRowBatch batch = reader.getSchema().createRowBatch(7);
        for (int at = total - 1; at >= 0; at = at < 53 ? (at == 0 ? -1 : 0) : at - 53) {
            rows.seekToRow(at);
            int row = at;
            while (row < Math.min(total, at + 54) && rows.nextBatch(batch)) {
                for (int r = 0; r < batch.size; r++) {
                    StringBuilder out = new StringBuilder();
                    row(out, reader.getSchema(), batch, r);
                    if (lines[row] != null && !lines[row].equals(out.toString())) {
                        throw new RuntimeException("row " + row + " is " + lines[row] + " and " + out);
                    }
                    lines[row++] = out.toString();
                }
            }
        }
        for (String line : lines) {
            System.out.println(line);
        }
    }

    static void row(StringBuilder out, TypeDescription t, VectorizedRowBatch batch, int r) {
        out.append('[');
        for (int c = 0; c < batch.cols.length; c++) {
            out.append(c > 0 ? "," : "");
            print(out, t.getChildren().get(c), batch.cols[c], r);
        }
        out.append(']');
    }

    static void print(StringBuilder out, TypeDescription t, ColumnVector v, int r) {
        r = v.isRepeating ? 0 : r;
        if (!v.noNulls && v.isNull[r]) {
            out.append("null");
            return;
        }
        switch (t.getCategory()) {
            case BOOLEAN: out.append(((LongColumnVector) v).vector[r] == 1); break;
            case BYTE: case SHORT: case INT: case LONG: case DATE: out.append(((LongColumnVector) v).vector[r]); break;
            case FLOAT:
                out.append(String.format("\"%08x\"", Float.floatToRawIntBits((float) ((DoubleColumnVector) v).vector[r])));
                break;
            case DOUBLE:
                out.append(String.format("\"%016x\"", Double.doubleToRawLongBits(((DoubleColumnVector) v).vector[r])));
                break;
            case TIMESTAMP: {
                TimestampColumnVector ts = (TimestampColumnVector) v;
                out.append(BigInteger.valueOf(Math.floorDiv(ts.time[r], 1000L)).multiply(BigInteger.valueOf(1000000000L))
                        .add(BigInteger.valueOf(ts.nanos[r])));
                break;
            }
            case DECIMAL: {
                HiveDecimal d = v instanceof Decimal64ColumnVector
                        ? HiveDecimal.create(BigInteger.valueOf(((Decimal64ColumnVector) v).vector[r]), t.getScale())
                        : ((DecimalColumnVector) v).vector[r].getHiveDecimal();
                out.append('"').append(d.bigDecimalValue().movePointRight(t.getScale()).toBigIntegerExact()).append('"');
                break;
            }
            case BINARY: {
                BytesColumnVector b = (BytesColumnVector) v;
                out.append('"');
                for (int i = 0; i < b.length[r]; i++) {
                    out.append(String.format("%02x", b.vector[r][b.start[r] + i]));
                }
                out.append('"');
                break;
            }
            case STRING: case VARCHAR: case CHAR: {
                BytesColumnVector b = (BytesColumnVector) v;
                String text = new String(b.vector[r], b.start[r], b.length[r], StandardCharsets.UTF_8);
                int have = text.codePointCount(0, text.length());
                if (t.getCategory() == TypeDescription.Category.CHAR && have < t.getMaxLength()) {
                    text += " ".repeat(t.getMaxLength() - have); // which the reader cuts off
                }
                out.append('"').append(text.replace("\\", "\\\\").replace("\"", "\\\"")).append('"');
                break;
            }
            case LIST: {
                ListColumnVector l = (ListColumnVector) v;
                out.append('[');
                for (int i = 0; i < l.lengths[r]; i++) {
                    out.append(i > 0 ? "," : "");
                    print(out, t.getChildren().get(0), l.child, (int) l.offsets[r] + i);
                }
                out.append(']');
                break;
            }
            case MAP: {
                MapColumnVector m = (MapColumnVector) v;
                out.append('[');
                for (int i = 0; i < m.lengths[r]; i++) {
                    out.append(i > 0 ? ",[" : "[");
                    print(out, t.getChildren().get(0), m.keys, (int) m.offsets[r] + i);
                    out.append(',');
                    print(out, t.getChildren().get(1), m.values, (int) m.offsets[r] + i);
                    out.append(']');
                }
                out.append(']');
                break;
            }
            case STRUCT: {
                StructColumnVector s = (StructColumnVector) v;
                out.append('[');
                for (int i = 0; i < s.fields.length; i++) {
                    out.append(i > 0 ? "," : "");
                    print(out, t.getChildren().get(i), s.fields[i], r);
                }
                out.append(']');
                break;
            }
            default: throw new RuntimeException("type " + t);
        }
    }

    static SearchArgument argument(String column, String op, String type, String text) {
        PredicateLeaf.Type t = PredicateLeaf.Type.valueOf(type);
        Object value = switch (t) {
            case LONG -> Long.valueOf(text);
            case FLOAT -> Double.valueOf(text);
            case STRING -> text;
            case DATE -> java.sql.Date.valueOf(text);
            case TIMESTAMP -> Timestamp.valueOf(text);
            case DECIMAL -> new HiveDecimalWritable(text);
            case BOOLEAN -> Boolean.valueOf(text);
        };
        SearchArgument.Builder b = SearchArgumentFactory.newBuilder().startAnd();
        switch (op) {
            case "=": b.equals(column, t, value); break;
            case "<": b.lessThan(column, t, value); break;
            case "null": b.isNull(column, t); break;
            default: throw new RuntimeException("operation " + op);
        }
        return b.end().build();
    }

    static String search(Configuration conf, String file, SearchArgument sarg, String column) throws Exception {
        Reader reader = OrcFile.createReader(new Path(file), OrcFile.readerOptions(conf).useUTCTimestamp(true));
        RecordReader rows = reader.rows(reader.options().searchArgument(sarg, new String[] {column}).useSelected(false)
                .allowSARGToFilter(false));
        VectorizedRowBatch batch = reader.getSchema().createRowBatch();
        List<String> ranges = new ArrayList<>();
        long begin = -1, end = -1;
        while (rows.nextBatch(batch)) {
            long at = ((LongColumnVector) batch.cols[0]).vector[0];
            if (at != end) {
                if (begin >= 0) {
                    ranges.add(begin + "-" + end);
                }
                begin = at;
            }
            end = at + batch.size;
        }
        if (begin >= 0) {
            ranges.add(begin + "-" + end);
        }
        return String.join(",", ranges);
    }
}
